"""What reports are about, one file a topic. Prose only; no logic. A new topic is a new file and its name below."""

from mmsum.data.synthetic.topic import Topic
from mmsum.data.synthetic.topics.bakery import BAKERY
from mmsum.data.synthetic.topics.buses import BUSES
from mmsum.data.synthetic.topics.cycling import CYCLING
from mmsum.data.synthetic.topics.hospital import HOSPITAL
from mmsum.data.synthetic.topics.library import LIBRARY
from mmsum.data.synthetic.topics.meals import MEALS
from mmsum.data.synthetic.topics.museum import MUSEUM
from mmsum.data.synthetic.topics.orchard import ORCHARD
from mmsum.data.synthetic.topics.river import RIVER
from mmsum.data.synthetic.topics.support import SUPPORT
from mmsum.data.synthetic.topics.water import WATER
from mmsum.data.synthetic.topics.wind import WIND

TOPICS: tuple[Topic, ...] = (
    BAKERY,
    BUSES,
    CYCLING,
    HOSPITAL,
    LIBRARY,
    MEALS,
    MUSEUM,
    ORCHARD,
    RIVER,
    SUPPORT,
    WATER,
    WIND,
)
