"""Library loans: vocabulary and sentences."""

from mmsum.data.synthetic.topic import Measure, Topic

LIBRARY = Topic(
    key="library loans",
    titles=("Lending at the {place} libraries", "What {place} borrows", "Library loans in {place}: a review"),
    gist="The report reviews lending at the public libraries of {place}.",
    background=(
        "The {place} library service runs a central building, four branches and a van that stops in nine villages.",
        "Opening hours were cut in {first} and partly restored two years later after a public consultation.",
        (
            "Loans are only one measure of a library, since many visitors come to read the papers, print a form "
            "or keep warm."
        ),
        (
            "Loans are nevertheless the measure for which we hold an unbroken record, and the one that decides "
            "what is bought."
        ),
        "Fines were abolished in the middle of the period, so that late returns no longer distort the counts.",
    ),
    method=(
        (
            "Every loan and renewal is logged by the lending system with the branch, the class of item and the "
            "age group of the card."
        ),
        (
            "Renewals are not counted as loans, and loans between branches are counted where the reader "
            "collected the item."
        ),
        "Cards that had not been used for three years were removed before averages were taken.",
    ),
    discussion=(
        (
            "Readers told us in interviews that they choose a branch for its opening hours first and for its "
            "shelves second."
        ),
        "Electronic loans are convenient for the reader and dear for the service, because each licence expires.",
        "School visits bring children through the door once; a comfortable corner brings them back.",
        "Branches with a volunteer reading group tend to keep their members through the winter.",
    ),
    actions=(
        "The service will move a tenth of the book budget to the branches with the longest waiting lists.",
        "Saturday opening will be tried for six months at two branches.",
        "The van timetable is to be redrawn with the parish councils before the autumn.",
        "The licence budget for electronic titles will be reviewed every quarter.",
    ),
    measures=(
        Measure(
            "trend",
            "Loans month by month",
            "loans",
            "thousand items",
            6,
            24,
            "monthly loans by class of item",
            (
                "The lending year follows the school year more closely than the calendar.",
                "Items returned through the night slot are booked on the following morning.",
                "Music and film are grouped together because the two shelves were merged.",
            ),
            names=("fiction", "non-fiction", "children's books", "music and film"),
            of="of {}",
            x="months",
            additive=True,
        ),
        Measure(
            "groups",
            "Branch by branch",
            "loans per opening hour",
            "loans",
            12,
            70,
            "loans per opening hour by branch",
            (
                "Dividing by opening hours is fairer to the small branches, which are shut on two days of the week.",
                "Staff keep a manual tally whenever the scanner fails, and those tallies are included here.",
                "A reader who walks past one branch to reach another is counted where the book was handed over.",
            ),
            names=("Central", "Riverside", "Station Road", "Hilltop", "Market Square"),
            of="at {}",
        ),
        Measure(
            "share",
            "Age of readers",
            "active cards",
            "%",
            0,
            100,
            "active cards by age group",
            (
                "A card is active if it was used at least once in the twelve months before the count.",
                "Ages are taken at the date of the count and not at the date of joining.",
                "Cards held by schools and care homes are left out.",
            ),
            names=("under 12", "12 to 17", "18 to 34", "35 to 59", "60 and over"),
            of="held by readers aged {}",
        ),
        Measure(
            "spread",
            "How long books stay out",
            "length of loan",
            "days",
            3,
            42,
            "the length of loans",
            (
                "The loan period is three weeks and may be renewed once, unless another reader is waiting.",
                "A random sample of returned items was drawn from the system for this section.",
                "Items that were never returned are written off after a year and do not appear.",
            ),
        ),
        Measure(
            "grid",
            "When readers come",
            "visits",
            "per hour",
            5,
            140,
            "visits to the central library by day and hour",
            (
                (
                    "A counter above the main door records everyone who passes, in either direction, and the total is "
                    "halved."
                ),
                "Events in the hall upstairs have their own entrance and are not included.",
                "The pattern decides how many people stand behind the desk.",
            ),
            names=("Mon", "Tue", "Wed", "Thu", "Fri", "Sat"),
            groups=("9-11", "11-13", "13-15", "15-17", "17-19"),
            of="on {}",
        ),
    ),
)
