"""Software support tickets: vocabulary and sentences."""

from mmsum.data.synthetic.topic import Measure, Topic

SUPPORT = Topic(
    key="software support tickets",
    titles=(
        "Support tickets at {place} Software",
        "Inside the {place} help desk",
        "Help desk review: {place} Software",
    ),
    gist="The report reviews the work of the help desk at {place} Software.",
    background=(
        (
            "{place} Software makes accounting programs for small firms, most of which have no computer staff of "
            "their own."
        ),
        "The help desk answers by mail, by telephone and, since {first}, through a form inside the program.",
        "Each request becomes a ticket, and each ticket belongs to one person until it is closed.",
        "A release goes out every six weeks, and the desk knows the date without looking at the calendar.",
        "Customers pay for the program and not for the support, so every avoidable ticket is a cost.",
    ),
    method=(
        (
            "All tickets opened in the period were exported from the tracker; duplicates were merged into the "
            "first of them."
        ),
        "Time is counted in working hours, from the first message to the answer that closed the matter.",
        "Automatic messages from the billing system were removed.",
    ),
    discussion=(
        "A good error message saves more tickets than a good manual, because nobody reads the manual first.",
        "New colleagues need about three months before their answers stop coming back.",
        "The longest tickets wait for the customer and not for us, yet they look equally bad in the statistics.",
        "Half of the questions after a release concern a button that has moved.",
    ),
    actions=(
        "The twenty most frequent questions will be answered inside the program itself.",
        "One developer is to sit with the desk in the week after every release.",
        "The team will hire one more person for the telephone.",
        "Tickets older than ten days will be reviewed every Monday.",
    ),
    measures=(
        Measure(
            "trend",
            "Tickets month by month",
            "new tickets",
            "tickets",
            120,
            780,
            "new tickets by channel",
            (
                "The channel is the one through which the customer first wrote or spoke.",
                "A call that leads to a mail remains a call.",
                "The year-end closing of the books falls within the period.",
            ),
            names=("mail", "telephone", "in-program form"),
            of="by {}",
            x="months",
            additive=True,
        ),
        Measure(
            "spread",
            "Time to an answer",
            "time to close",
            "hours",
            1,
            60,
            "time to close by type of ticket",
            (
                "The service promise is two working days, and it was written before the desk had a tracker.",
                "Tickets that were reopened are counted from their first opening.",
                "The sample was drawn evenly over the year.",
            ),
            names=("billing", "login", "import", "printing", "reports"),
            of="for {}",
        ),
        Measure(
            "groups",
            "What customers ask about",
            "tickets",
            "per week",
            12,
            150,
            "weekly tickets by subject",
            (
                "Subjects are chosen by the person who closes the ticket, who by then knows what it was about.",
                "A ticket can have one subject only.",
                "Questions about prices go to sales and are not part of this count.",
            ),
            names=("billing", "login", "import", "printing", "reports"),
            groups=("version 5", "version 6", "version 7"),
            of="about {}",
            additive=True,
        ),
        Measure(
            "share",
            "How tickets end",
            "closed tickets",
            "%",
            0,
            100,
            "closed tickets by outcome",
            (
                "The outcome is what helped in the end, in the judgement of the person who closed the ticket.",
                "A fault is counted once, however many customers report it.",
                "Silence from the customer closes a ticket after fourteen days.",
            ),
            names=("explanation", "fault fixed", "workaround", "no reply", "passed on"),
            of="ending with {}",
        ),
        Measure(
            "relation",
            "Length and patience",
            "satisfaction score",
            "points",
            45,
            96,
            "satisfaction against the time to a first reply",
            (
                "A short survey goes out with every closed ticket, and one customer in four fills it in.",
                "Each point is the mean of one week.",
                "The scale runs from nought to a hundred.",
            ),
            against=("time to first reply", "hours", 0.5, 14),
        ),
    ),
)
