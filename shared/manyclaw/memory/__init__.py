"""What a bot remembers of each end user and each group."""

from typing import TYPE_CHECKING

from manyclaw.front import lazy

if TYPE_CHECKING:
    from manyclaw.memory.asking import BUDGET_SECONDS as BUDGET_SECONDS
    from manyclaw.memory.asking import recall as recall
    from manyclaw.memory.erasure import ForgetReport as ForgetReport
    from manyclaw.memory.erasure import forget as forget
    from manyclaw.memory.jobs import Job as Job
    from manyclaw.memory.jobs import hand_over as hand_over
    from manyclaw.memory.jobs import send_job as send_job
    from manyclaw.memory.model import Fact as Fact
    from manyclaw.memory.model import MemoryRow as MemoryRow
    from manyclaw.memory.model import Passage as Passage
    from manyclaw.memory.model import Subject as Subject
    from manyclaw.memory.model import Turn as Turn
    from manyclaw.memory.model import clean as clean
    from manyclaw.memory.model import memory_path as memory_path
    from manyclaw.memory.model import subject as subject
    from manyclaw.memory.model import subject_of as subject_of
    from manyclaw.memory.subjects import list_memory_rows as list_memory_rows
    from manyclaw.memory.subjects import load_memory_row as load_memory_row
    from manyclaw.memory.subjects import memory_key as memory_key
    from manyclaw.memory.subjects import memory_row as memory_row
    from manyclaw.memory.subjects import save_fact as save_fact
    from manyclaw.memory.tidying import tidy_facts as tidy_facts
    from manyclaw.memory.upkeep import stored_bytes as stored_bytes
    from manyclaw.memory.upkeep import subjects_in_transcripts as subjects_in_transcripts
else:
    __getattr__ = lazy(
        __name__,
        {
            "BUDGET_SECONDS": "asking",
            "Fact": "model",
            "ForgetReport": "erasure",
            "Job": "jobs",
            "MemoryRow": "model",
            "Passage": "model",
            "Subject": "model",
            "Turn": "model",
            "clean": "model",
            "forget": "erasure",
            "hand_over": "jobs",
            "list_memory_rows": "subjects",
            "load_memory_row": "subjects",
            "memory_key": "subjects",
            "memory_path": "model",
            "memory_row": "subjects",
            "recall": "asking",
            "save_fact": "subjects",
            "send_job": "jobs",
            "stored_bytes": "upkeep",
            "subject": "model",
            "subject_of": "model",
            "subjects_in_transcripts": "upkeep",
            "tidy_facts": "tidying",
        },
    )
