"""River temperature: vocabulary and sentences."""

from mmsum.data.synthetic.topic import Measure, Topic

RIVER = Topic(
    key="river temperature",
    titles=(
        "The temperature of the {place} river",
        "Warm water: the {place} in a changing climate",
        "{place} river monitoring report",
    ),
    gist="The report follows the temperature of the {place} river.",
    background=(
        (
            "The {place} rises in a bog, runs through forest for a third of its length, and reaches the plain "
            "below the old weir."
        ),
        "Trout leave or die when the water stays above twenty degrees for more than a few days.",
        "The gauging network was renewed in {first}, when the last hand-read thermometers were retired.",
        "Two power stations and a paper mill hold permits to return cooling water to the river.",
        "Anglers have kept notes for much longer than the authority, and their notes are better than is often assumed.",
    ),
    method=(
        "Loggers hang half a metre below the surface in flowing water and write a value every quarter of an hour.",
        "Values were discarded when the logger had fallen dry, which the depth sensor betrays.",
        "All loggers were compared in the same bucket of ice before they were set out.",
    ),
    discussion=(
        "Shade is the cheapest form of cooling and takes twenty years to grow.",
        "Low water and warm water come together, and it is hard to say which of them harms the fish.",
        "Every weir is a small lake, and lakes warm up in the sun.",
        "Groundwater enters at a steady ten degrees and makes refuges that fish find sooner than we do.",
    ),
    actions=(
        "Alders will be planted along four kilometres of open bank.",
        "Permits for cooling water are to be tied to the temperature upstream.",
        "The old weir will be lowered by a metre.",
        "Two loggers will be added in the forest stretch.",
    ),
    measures=(
        Measure(
            "trend",
            "Summer temperature",
            "summer temperature",
            "°C",
            13,
            23,
            "mean summer temperature by gauge",
            (
                "Summer here means the months from June to August.",
                "The gauges are named after the nearest bridge.",
                "A mean conceals the hot afternoons, but it is the mean that can be followed over the years.",
            ),
            names=("Bog Bridge", "Forest Lodge", "Old Weir", "Lowland Mill"),
            of="at {}",
        ),
        Measure(
            "relation",
            "Flow",
            "afternoon temperature",
            "°C",
            12,
            24,
            "afternoon temperature against flow",
            (
                "A shallow river follows the air, and a full one follows its own mind.",
                "The points are single days in July.",
                "Flow was measured at the weir with a wading rod and a propeller.",
            ),
            against=("flow", "cubic metres per second", 1, 14),
        ),
        Measure(
            "spread",
            "Stretch by stretch",
            "daily maximum",
            "°C",
            11,
            26,
            "the daily maximum by stretch",
            (
                "The daily maximum is reached between four and six in the afternoon.",
                "Stretches follow one another downstream.",
                "Ninety days of the last summer were used for each of them.",
            ),
            names=("bog", "forest", "meadow", "town", "plain"),
            of="in the {} stretch",
        ),
        Measure(
            "groups",
            "Days above the limit",
            "warm days",
            "days a year",
            3,
            58,
            "days above twenty degrees by gauge",
            (
                "A day counts as warm when the mean of its warmest hour lies above twenty degrees.",
                "The limit was set by the fisheries board.",
                "Missing days were shared out in proportion.",
            ),
            names=("Bog Bridge", "Forest Lodge", "Old Weir", "Lowland Mill"),
            of="at {}",
        ),
        Measure(
            "grid",
            "Day and night",
            "water temperature",
            "°C",
            11,
            23,
            "water temperature by month and time of day",
            (
                "Fish feed at night in warm weather and by day in cool weather.",
                "Times are given without the summer hour.",
                "The values are means of three years.",
            ),
            names=("May", "June", "July", "August", "September"),
            groups=("00-04", "04-08", "08-12", "12-16", "16-20", "20-24"),
            of="in {}",
        ),
    ),
)
