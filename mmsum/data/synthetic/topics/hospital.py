"""Hospital waiting times: vocabulary and sentences."""

from mmsum.data.synthetic.topic import Measure, Topic

_WEEK = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")

HOSPITAL = Topic(
    key="hospital waiting times",
    titles=(
        "Waiting times at {place} Hospital",
        "How long patients wait at {place} Hospital",
        "{place} Hospital: waiting and flow",
    ),
    gist="The report reviews how long patients of {place} Hospital wait.",
    background=(
        (
            "{place} Hospital serves a town and a wide stretch of farmland, from which the ambulance needs up to "
            "forty minutes."
        ),
        "Waiting is the subject of two thirds of all complaints, ahead of parking and food.",
        "In {first} the emergency desk and the night practice were moved behind a common door.",
        "The national target asks that nineteen in twenty patients be seen within four hours.",
        (
            "A long wait is rarely the work of one department, because a bed upstairs must be free before a bay "
            "downstairs can be."
        ),
    ),
    method=(
        "Times were taken from the admission system, in which arrival, first contact and departure carry a stamp.",
        "Patients who left before they were seen are counted with the time at which they were called in vain.",
        "Arrivals by helicopter are too few to be shown and were left out.",
    ),
    discussion=(
        "Most of the delay arises at the end of the stay, when transport and medicines have to be arranged.",
        "A second triage nurse shortens the wait of those with small injuries and hardly touches that of the others.",
        "Staff asked for fewer forms before they asked for more colleagues.",
        "Beds closed for want of nurses have the same effect as beds that were never built.",
    ),
    actions=(
        "Discharge letters will be prepared on the day before departure.",
        "A second triage nurse is to work from ten in the morning until eight at night.",
        "The hospital will publish its waiting times every month.",
        "Two bays will be turned into seats for patients who need no bed.",
    ),
    measures=(
        Measure(
            "trend",
            "Waiting over the years",
            "median wait",
            "minutes",
            35,
            210,
            "the median wait by department",
            (
                "The median is the wait of the patient in the middle, so that a few very long stays do not move it.",
                "Departments that were merged are shown under the name of the larger one.",
                "The year runs from April to March and is named after its first part.",
            ),
            names=("surgery", "orthopaedics", "eye care", "cardiology"),
        ),
        Measure(
            "grid",
            "The hours of arrival",
            "arrivals",
            "per hour",
            2,
            29,
            "arrivals at the emergency desk by day and hour",
            (
                "Rotas change slowly, and it is worth asking now and then whether they still follow the patients.",
                "An arrival is counted when the first stamp is set.",
                "Patients sent by a practice are included.",
            ),
            names=_WEEK,
            groups=("00-04", "04-08", "08-12", "12-16", "16-20", "20-24"),
            of="on {}",
        ),
        Measure(
            "spread",
            "Not every wait is alike",
            "time in the department",
            "minutes",
            20,
            360,
            "time in the department by urgency",
            (
                "Urgency is set at triage on a scale of five and is rarely changed later.",
                "The most urgent class does not wait and is therefore not shown.",
                "A random tenth of the year's visits was used.",
            ),
            names=("very urgent", "urgent", "standard", "minor"),
            of="for {} cases",
        ),
        Measure(
            "groups",
            "What holds patients up",
            "hours of delay",
            "hours a week",
            15,
            170,
            "weekly hours of delay by cause",
            (
                "Ward clerks noted the main reason whenever a patient who was ready could not leave.",
                "The list of reasons was agreed with the social services beforehand.",
                "The notes were read by two people independently.",
            ),
            names=("transport", "medicines", "tests", "care at home", "bed upstairs"),
            of="from {}",
            additive=True,
        ),
        Measure(
            "relation",
            "Crowding",
            "time to first contact",
            "minutes",
            8,
            95,
            "time to first contact against occupied bays",
            (
                "It seems obvious that a full department works more slowly, yet the desk staff doubt it.",
                "Each point is one shift.",
                "Shifts during the computer failure in spring are missing.",
            ),
            against=("occupied bays", "bays", 4, 26),
        ),
    ),
)
