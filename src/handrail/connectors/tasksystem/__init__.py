"""How task systems are written to: every difference between them in their configuration, none in code."""

from handrail.connectors.tasksystem.config import LookFor, TaskSystemConfig, WriteCall, own_shape
from handrail.connectors.tasksystem.message import FURTHER, MessageKind, OutgoingMessage
from handrail.connectors.tasksystem.outgoing import question_of, request_of
from handrail.connectors.tasksystem.verdict import AnswerMeaning, JudgedAnswer, is_shown, judge_answer

__all__ = [
    "FURTHER",
    "AnswerMeaning",
    "JudgedAnswer",
    "LookFor",
    "MessageKind",
    "OutgoingMessage",
    "TaskSystemConfig",
    "WriteCall",
    "is_shown",
    "judge_answer",
    "own_shape",
    "question_of",
    "request_of",
]
