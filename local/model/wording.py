"""The stand-in's sentences in the languages that it speaks."""

import re
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Wording:
    """One language. Every answer begins with ``stand_in``."""

    stand_in: str
    said: str
    told: str
    count: str
    earlier: str
    nothing_earlier: str
    given: str
    hello_name: str
    your_name: str
    no_name: str
    noted: str
    result: str


ENGLISH = Wording(
    stand_in="(Simulated model.)",
    said="You said: “{text}”.",
    told="I am told: “{text}”.",
    count="This is message {number} from you here.",
    earlier="Earlier you said: {texts}.",
    nothing_earlier="You have said nothing before this.",
    given="I was also given: {texts}.",
    hello_name="Nice to meet you, {name}.",
    your_name="Your name is {name}.",
    no_name="You have not told me your name.",
    noted="Noted: “{text}”.",
    result="{tool} says: {text}",
)
RUSSIAN = Wording(
    stand_in="(Модель-заглушка.)",
    said="Вы сказали: «{text}».",
    told="Мне поручено: «{text}».",
    count="Это ваше сообщение № {number} здесь.",
    earlier="Раньше вы сказали: {texts}.",
    nothing_earlier="До этого вы ничего не говорили.",
    given="Мне также передали: {texts}.",
    hello_name="Приятно познакомиться, {name}.",
    your_name="Вас зовут {name}.",
    no_name="Вы не называли своего имени.",
    noted="Запомнил: «{text}».",
    result="{tool} сообщает: {text}",
)
CHINESE = Wording(
    stand_in="（模拟模型。）",
    said="你说：“{text}”。",
    told="我的指令：“{text}”。",
    count="这是你在这里的第 {number} 条消息。",
    earlier="之前你说过：{texts}。",
    nothing_earlier="在此之前你还没有说过话。",
    given="我还得到了：{texts}。",
    hello_name="很高兴认识你，{name}。",
    your_name="你叫{name}。",
    no_name="你还没有告诉我你的名字。",
    noted="记住了：“{text}”。",
    result="{tool} 返回：{text}",
)


def wording_for(text: str) -> Wording:
    """The language of a text, by its letters."""
    if re.search(r"[\u0400-\u04ff]", text):
        return RUSSIAN
    if re.search(r"[\u4e00-\u9fff]", text):
        return CHINESE
    return ENGLISH


def sentence(text: str, longest: int = 200) -> str:
    """The first sentence, cut where it is very long, without its full stop."""
    line = " ".join(text.split())
    found = re.match(r".+?(?:[.!?](?=\s|$)|[。！？])", line)
    first = (found.group() if found else line).rstrip(".。")
    return clipped(first, longest)


def clipped(text: str, longest: int = 200) -> str:
    """At most ``longest`` characters, with an ellipsis where something is missing."""
    return text if len(text) <= longest else text[: longest - 1].rstrip() + "…"
