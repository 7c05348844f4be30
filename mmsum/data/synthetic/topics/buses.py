"""Bus punctuality: vocabulary and sentences."""

from mmsum.data.synthetic.topic import Measure, Topic

BUSES = Topic(
    key="bus punctuality",
    titles=(
        "Bus punctuality in {place}",
        "Are the buses of {place} on time?",
        "On the minute: bus services in {place}",
    ),
    gist="The report examines how punctual the buses of {place} are.",
    background=(
        "Five routes carry nine in ten of the passengers who travel by bus in {place}.",
        (
            "A bus is on time if it leaves a timing point no more than one minute early and no more than five "
            "minutes late."
        ),
        "The contract with the operator was renewed in {first} and ties part of the fee to punctuality.",
        "Road works on the ring road ran for most of the period and closed one lane in each direction.",
        "Passengers forgive a slow bus more readily than one whose arrival they cannot predict.",
    ),
    method=(
        "All vehicles carry a satellite receiver that writes its position every ten seconds.",
        (
            "Departures were matched to the timetable automatically, and about two in a hundred could not be "
            "matched and were dropped."
        ),
        "Journeys cancelled before they began are counted elsewhere and have no influence on these figures.",
    ),
    discussion=(
        (
            "Drivers point to boarding times as much as to traffic, since a single passenger without change can "
            "cost a minute."
        ),
        "Bus lanes help only where they reach the junction, and two of ours stop a hundred metres short.",
        "A longer layover at the terminus makes the timetable look slower and the service more reliable.",
        "Complaints follow the worst journeys and not the average one, which is why the spread matters.",
    ),
    actions=(
        "Signal priority will be extended to the four junctions where buses wait longest.",
        "The operator is asked to sell tickets off the bus on the busiest route.",
        "The timetable will be recast with longer layovers from the spring.",
        "Punctuality by route will be shown on the displays at the bus station.",
    ),
    measures=(
        Measure(
            "trend",
            "Punctuality through the year",
            "departures on time",
            "%",
            62,
            96,
            "departures on time by route",
            (
                (
                    "Winter brings ice and dark mornings, summer brings road works, and the timetable makes no "
                    "allowance for either."
                ),
                "Routes that share the bridge were grouped with the route that runs most often.",
                "A month counts only if at least five hundred departures were recorded in it.",
            ),
            names=("Route 1", "Route 4", "Route 7", "Route 12"),
            of="on {}",
            x="months",
        ),
        Measure(
            "spread",
            "The size of delays",
            "delay at the terminus",
            "minutes",
            0,
            22,
            "delay at the terminus by route",
            (
                "An average hides the long waits, so this section looks at single journeys.",
                "The sample covers working days in March and October, two months without school holidays.",
                "Early arrivals were set to zero, since no passenger has ever complained of one.",
            ),
            names=("Route 1", "Route 4", "Route 7", "Route 12", "Route 15"),
            of="on {}",
        ),
        Measure(
            "groups",
            "Causes of delay",
            "minutes lost",
            "thousand minutes",
            5,
            48,
            "minutes lost by cause",
            (
                (
                    "Controllers assign a cause to each delay of more than five minutes while the bus is still on the "
                    "road."
                ),
                "When two causes apply the controller records the one that came first.",
                "The list of causes is short on purpose.",
            ),
            names=("traffic", "boarding", "road works", "staffing", "vehicle faults"),
            of="to {}",
            additive=True,
        ),
        Measure(
            "relation",
            "Speed and crowding",
            "average speed",
            "km/h",
            11,
            27,
            "average speed against passengers on board",
            (
                "Full buses stop more often, and every stop takes time.",
                "Each point is one journey on the busiest route, measured from terminus to terminus.",
                "Journeys that were diverted have been removed.",
            ),
            against=("passengers on board", "people", 5, 75),
        ),
        Measure(
            "share",
            "How passengers pay",
            "tickets",
            "%",
            0,
            100,
            "tickets sold by method of payment",
            (
                "The way in which people pay decides how long a bus stands at the stop.",
                "Free passes are counted as tickets with a price of zero.",
                "Transfers within the hour are part of the first ticket.",
            ),
            names=("cash", "bank card", "phone", "season ticket", "free pass"),
            of="paid by {}",
        ),
    ),
)
