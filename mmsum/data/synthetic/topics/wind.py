"""Wind farm output: vocabulary and sentences."""

from mmsum.data.synthetic.topic import Measure, Topic

WIND = Topic(
    key="wind farm output",
    titles=(
        "Output of the {place} wind farm",
        "The {place} wind farm in operation",
        "Wind over {place}: a production report",
    ),
    gist="The report covers the production of the {place} wind farm.",
    background=(
        (
            "The farm consists of fourteen turbines on a ridge that has been grazed by sheep for as long as "
            "records go back."
        ),
        (
            "It was connected to the grid in {first} and belongs to nine hundred members, most of whom live "
            "within sight of it."
        ),
        "The contract pays by the hour, so that it matters when the wind blows and not only how much.",
        "Two turbines received new blades during the period and stood still for five weeks each.",
        "The grid operator may ask the farm at {place} to stand down when the line to the coast is full.",
    ),
    method=(
        "Output is metered at the substation and shared out among the turbines by their own counters.",
        "Wind speed was measured at hub height on a mast at the western end of the ridge.",
        "Hours with ice on the blades were marked by the control system and kept in the record.",
    ),
    discussion=(
        "Availability is what the engineers can influence; the wind is what they are paid for.",
        "A gearbox gives warning for weeks before it fails, if somebody listens to it.",
        "Members ask more often about noise than about money, and the two are linked through the night setting.",
        "Repairs take place when a crane is free, which is seldom when the wind is low.",
    ),
    actions=(
        "The vibration sensors will be extended to all turbines before the winter.",
        "Maintenance is to be moved to the calmer half of the year.",
        "The cooperative will ask for a battery at the substation.",
        "The night setting will be kept for the three turbines nearest to the village.",
    ),
    measures=(
        Measure(
            "trend",
            "Output through the year",
            "output",
            "gigawatt hours",
            1.2,
            7.8,
            "monthly output by row of turbines",
            (
                "The rows follow the ridge, and the first of them meets the wind from the sea.",
                "Months are of unequal length, and no correction has been made for that.",
                "Losses in the cable have already been taken off.",
            ),
            names=("the west row", "the middle row", "the east row"),
            of="from {}",
            x="months",
            additive=True,
        ),
        Measure(
            "relation",
            "Wind and power",
            "power per turbine",
            "kilowatts",
            150,
            2300,
            "power per turbine against wind speed",
            (
                "Turbines of the same make do not behave alike once they stand in each other's wake.",
                "The points are ten-minute means from a single week.",
                "Periods of forced standstill were taken out.",
            ),
            against=("wind speed", "m/s", 4, 14),
        ),
        Measure(
            "groups",
            "Lost hours",
            "hours lost",
            "hours",
            20,
            260,
            "hours lost by cause",
            (
                "An hour is lost when there is wind enough to turn and the turbine does not.",
                "The causes follow the list of the manufacturer.",
                "Hours are added over all fourteen machines.",
            ),
            names=("gearbox", "blades", "grid", "inspection", "ice"),
            of="to {}",
            additive=True,
        ),
        Measure(
            "spread",
            "The wind itself",
            "wind speed",
            "m/s",
            2,
            17,
            "hourly wind speed",
            (
                "The business plan assumed a mean that had been measured by hand over a single summer.",
                "The mast has stood for the whole period and was calibrated twice.",
                "Below three metres a second the blades do not turn.",
            ),
        ),
        Measure(
            "grid",
            "Season and time of day",
            "mean output",
            "megawatts",
            3,
            26,
            "mean output by season and time of day",
            (
                (
                    "Electricity is worth most in the early evening, when kitchens and street lamps are switched on "
                    "together."
                ),
                "Hours are given in winter time throughout.",
                "Seasons begin on the first day of March, June, September and December.",
            ),
            names=("Spring", "Summer", "Autumn", "Winter"),
            groups=("00-04", "04-08", "08-12", "12-16", "16-20", "20-24"),
            of="in {}",
        ),
    ),
)
