"""Town water use: vocabulary and sentences."""

from mmsum.data.synthetic.topic import Measure, Topic

_WEEK = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_DISTRICTS = ("Northgate", "Mill Bank", "Old Harbour", "Westfield", "Priory Hill", "Eastmoor")

WATER = Topic(
    key="town water use",
    titles=(
        "Water use in {place}",
        "Where the water of {place} goes",
        "Household and business water demand in {place}",
    ),
    gist="The report reviews how much water {place} uses, where, and why.",
    background=(
        "{place} draws its drinking water from two upland reservoirs and one borehole that is kept in reserve.",
        (
            "The mains were laid in three waves, and the oldest pipes in the centre are now well past ninety "
            "years in the ground."
        ),
        (
            "A dry spring in {first} left the lower reservoir at less than half its normal level and started the "
            "present review."
        ),
        "Water is cheap for the household that opens the tap and expensive for the town that has to pump it uphill.",
        "The council agreed a ten-year supply plan on condition that demand be reported in public once a year.",
    ),
    method=(
        (
            "Readings come from district meters that report every fifteen minutes and from the billing system, "
            "which is updated quarterly."
        ),
        (
            "Burst mains longer than six hours were taken out of the record so that a single bad night does not "
            "colour a whole year."
        ),
        "Meters that had stopped were replaced by the mean of their four nearest neighbours.",
    ),
    discussion=(
        (
            "New estates add connections every year, while meters and better appliances make each connection "
            "thirstier or thriftier than the last."
        ),
        "Pressure management has been the cheapest measure so far, because a pipe that is pushed less hard leaks less.",
        (
            "Residents who receive a monthly statement tell us that they notice a dripping cistern sooner than "
            "those billed twice a year."
        ),
        "None of this removes the need for a second treatment line, but it decides how large that line has to be.",
    ),
    actions=(
        "The department will fit smart meters in the districts with the oldest pipes first.",
        "A leak survey of the central mains is to be finished before the next dry season.",
        "Large users will be offered a free audit in exchange for publishing their consumption.",
        "The borehole will be kept in reserve for at least two more years.",
    ),
    measures=(
        Measure(
            "trend",
            "Demand over the years",
            "daily demand",
            "litres per person",
            105,
            190,
            "daily demand by district",
            (
                "Demand is expressed per resident, so that districts of different size can be set side by side.",
                "The census of {first} fixed the population figures and each later year adds registered moves.",
                "Holiday lets are counted as residents for the weeks in which they were occupied.",
            ),
            names=_DISTRICTS,
        ),
        Measure(
            "share",
            "Who uses the water",
            "metered consumption",
            "%",
            0,
            100,
            "metered consumption by type of user",
            (
                "Every metered connection belongs to one class of user, chosen when the contract is signed.",
                (
                    "Allotments and playing fields are kept apart because they draw almost nothing between October and "
                    "April."
                ),
                "A change of use is recorded within a month, which keeps the classes tidy.",
            ),
            names=("households", "food industry", "hospitals and schools", "hotels", "parks", "small shops"),
            of="by {}",
        ),
        Measure(
            "relation",
            "Rain and garden watering",
            "evening demand",
            "megalitres",
            4,
            11,
            "evening demand against weekly rainfall",
            (
                (
                    "Gardeners are often blamed for the evening peak, and the weekly record allows that belief to be "
                    "tested."
                ),
                "Each point stands for one week of the growing season, from early April to the end of September.",
                "Weeks with a hosepipe ban were left out.",
            ),
            against=("weekly rainfall", "mm", 0, 60),
        ),
        Measure(
            "grid",
            "Hours of the week",
            "flow at the pumping station",
            "litres per second",
            60,
            240,
            "flow at the main pumping station through the week",
            (
                "Pumping is cheapest at night, and the station can hold about five hours of supply in its tanks.",
                "Knowing the shape of the week tells the operators when the tanks must be full.",
                "Public holidays were moved to the Sunday row.",
            ),
            names=_WEEK,
            groups=("00-04", "04-08", "08-12", "12-16", "16-20", "20-24"),
            of="on {}",
        ),
        Measure(
            "groups",
            "Losses by cause",
            "water lost",
            "megalitres a month",
            8,
            60,
            "water lost by cause",
            (
                (
                    "Losses are what enters a district and is never billed, split by the cause that repair crews wrote "
                    "down."
                ),
                "Crews choose from a fixed list of causes, which has not changed since {first}.",
                (
                    "Losses below a tenth of a megalitre are not chased, because the digging would cost more than the "
                    "water."
                ),
            ),
            names=("mains", "service pipes", "valves", "hydrants", "meter error"),
            of="through {}",
            additive=True,
        ),
    ),
)
