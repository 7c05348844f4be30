"""Cycling counts: vocabulary and sentences."""

from mmsum.data.synthetic.topic import Measure, Topic

_WEEK = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")

CYCLING = Topic(
    key="cycling counts",
    titles=("Cycling in {place}: the counters' record", "Who cycles in {place}?", "Bicycle traffic in {place}"),
    gist="The report reviews bicycle traffic in {place}.",
    background=(
        "{place} is flat along the river and steep everywhere else, which has shaped its cycling more than any plan.",
        "The first protected lane was opened in {first}, and the network has since grown to eighteen kilometres.",
        "Counters were set into the surface at six places where nearly everyone has to pass.",
        "Electric bicycles have changed who cycles, how far, and up which hills.",
        (
            "Shopkeepers who feared for their parking spaces asked for numbers, and so did those who hoped for "
            "more customers."
        ),
    ),
    method=(
        "An induction loop counts bicycles in both directions and is checked by eye once in each season.",
        "Gaps of less than a day were filled from the same weekday one week earlier.",
        "Scooters are not counted, because their wheels escape the loop.",
    ),
    discussion=(
        "People choose the route that feels safe and then the one that is short.",
        "A lane that ends before the junction is used by the brave, who would cycle anyway.",
        "Schools with covered racks have more children on bicycles than schools without.",
        "Snow clearing costs little and decides whether a habit survives the winter.",
    ),
    actions=(
        "The gap between the station and the bridge will be closed next year.",
        "Covered racks will be set up at all secondary schools.",
        "The city is to clear the main routes of snow before seven in the morning.",
        "Two more counters will be placed on the hill roads.",
    ),
    measures=(
        Measure(
            "trend",
            "Traffic over the years",
            "daily traffic",
            "bicycles",
            700,
            6400,
            "daily traffic by counter",
            (
                "Only working days are used, since weekend traffic obeys other laws.",
                "The loop at the bridge was renewed once and showed no jump.",
                "A counter that was out of order for more than a month would have lost its year, but none was.",
            ),
            names=("River Bridge", "Station Road", "University", "Canal Path"),
            of="at {}",
        ),
        Measure(
            "grid",
            "Morning and evening",
            "bicycles",
            "per hour",
            15,
            620,
            "bicycles by day and hour at the river bridge",
            (
                "Rush hours on two wheels are shorter than on four.",
                "The counts are means over the months from May to September.",
                "Market days close the bridge to cars and leave it open to bicycles.",
            ),
            names=_WEEK,
            groups=("6-8", "8-10", "10-12", "12-14", "14-16", "16-18", "18-20"),
            of="on {}",
        ),
        Measure(
            "relation",
            "Weather",
            "daily traffic",
            "bicycles",
            900,
            5200,
            "daily traffic against wind speed",
            (
                "Everyone knows that cyclists dislike rain; wind has been studied less.",
                "Each point is a dry working day.",
                "Wind was measured on the roof of the town hall at eight in the morning.",
            ),
            against=("wind speed", "km/h", 3, 48),
        ),
        Measure(
            "groups",
            "Reasons to cycle",
            "cyclists",
            "per thousand residents",
            12,
            160,
            "cyclists by purpose of the trip",
            (
                "Purpose was asked for in a telephone survey in which eleven hundred residents took part.",
                "A trip with several purposes was counted under the one at its far end.",
                "Trips of less than three hundred metres were ignored.",
            ),
            names=("work", "school", "shopping", "leisure", "errands"),
            of="on the way to {}",
        ),
        Measure(
            "spread",
            "Speed on the lane",
            "speed",
            "km/h",
            8,
            36,
            "the speed of single bicycles",
            (
                "The two loops of each counter lie a metre apart and therefore know the speed as well.",
                "The section chosen is level and straight.",
                "Readings above fifty were taken for motorcycles.",
            ),
        ),
    ),
)
