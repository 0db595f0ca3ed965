"""Weather by OpenWeather's One Call API 3.0: https://openweathermap.org/api/one-call-3."""

from datetime import UTC, datetime
from typing import Any

from echo.tools.arguments import number, one_of, optional_text, text
from echo.tools.builtin.builtin import Bench, Builtin, said, spec
from echo.tools.builtin.searches import dumped
from echo.tools.outbound import Request
from echo.tools.tool import Called, ToolFailure, ToolOutput

PLACES = {
    "current_forecast": "/onecall",
    "timestamp": "/onecall/timemachine",
    "daily_aggregation": "/onecall/day_summary",
    "overview": "/onecall/overview",
}
ACTIONS = ("help", *PLACES)
UNITS = {"Celsius": "metric", "Kelvin": "standard", "Fahrenheit": "imperial"}
# Temperatures, which are told without fractions, as in LibreChat.
TEMPERATURES = frozenset(
    (
        "temp",
        "feels_like",
        "dew_point",
        "day",
        "min",
        "max",
        "night",
        "eve",
        "morn",
        "morning",
        "afternoon",
        "evening",
    )
)
MAX_DEPTH = 20
HELP = (
    "current_forecast: the weather now and for eight days. timestamp: at a day in the past or the next four"
    " days, by date. daily_aggregation: a day's summary, by date. overview: in words; date may be given. Each needs"
    " lat and lon, or city; units are Celsius, Kelvin or Fahrenheit; a date is YYYY-MM-DD."
)


async def _call(bench: Bench, called: Called) -> ToolOutput:
    given = called.arguments
    action = one_of(given, "action", ACTIONS, "help")
    if action == "help":
        return said(HELP)
    query = {
        "appid": bench.value("OPENWEATHER_API_KEY"),
        "units": UNITS[one_of(given, "units", tuple(UNITS), "Celsius")],
        **_time(action, given),
        **await _place(bench, given),
    }
    allowed = {
        "current_forecast": ("exclude", "lang"),
        "daily_aggregation": ("lang", "tz"),
        "timestamp": ("lang",),
    }
    query |= {name: value for name in allowed.get(action, ()) if (value := optional_text(given, name, 200))}
    url = bench.addresses["open_weather"] + "/data/3.0" + PLACES[action]
    return said(dumped(_rounded(await bench.ask(Request(url, query=query, trusted=True)))))


async def _place(bench: Bench, given: Any) -> dict[str, str]:
    lat, lon = number(given, "lat", -90, 90), number(given, "lon", -180, 180)
    if lat is None or lon is None:
        query = {"q": text(given, "city", 200), "limit": "1", "appid": bench.value("OPENWEATHER_API_KEY")}
        url = bench.addresses["open_weather"] + "/geo/1.0/direct"
        found = await bench.ask(Request(url, query=query, trusted=True))
        if not isinstance(found, list) or not found or not isinstance(found[0], dict):
            raise ToolFailure("There is no city of that name.")
        lat, lon = number(found[0], "lat", -90, 90), number(found[0], "lon", -180, 180)
    return {"lat": str(lat), "lon": str(lon)}


def _time(action: str, given: Any) -> dict[str, str]:
    date = optional_text(given, "date", 10)
    if action == "current_forecast" or (action == "overview" and date is None):
        return {}
    try:
        moment = datetime.strptime(str(date), "%Y-%m-%d").replace(tzinfo=UTC)
    except ValueError:
        raise ToolFailure("A date is needed, as YYYY-MM-DD.") from None
    return {"dt": str(int(moment.timestamp()))} if action == "timestamp" else {"date": str(date)}


def _rounded(value: Any, name: str = "", depth: int = 0) -> Any:
    if depth > MAX_DEPTH:
        return None
    if isinstance(value, dict):
        return {key: _rounded(each, key, depth + 1) for key, each in value.items()}
    if isinstance(value, list):
        return [_rounded(each, "", depth + 1) for each in value]
    return round(value) if isinstance(value, float) and name in TEMPERATURES else value


WEATHER = Builtin(
    spec(
        "open_weather",
        "Gives the weather of a place: now, as a forecast, on a day in the past, or in words. " + HELP,
        {
            "action": {"type": "string", "enum": list(ACTIONS)},
            "city": {"type": "string", "description": "A city, where lat and lon are not known."},
            "lat": {"type": "number"},
            "lon": {"type": "number"},
            "units": {"type": "string", "enum": list(UNITS)},
            "date": {"type": "string", "description": "YYYY-MM-DD"},
            "exclude": {"type": "string", "description": "Parts to leave out, separated by commas."},
            "lang": {"type": "string", "description": "A language's code."},
            "tz": {"type": "string", "description": "A time zone, such as +02:00."},
        },
        "action",
    ),
    _call,
    (("OPENWEATHER_API_KEY",),),
)
ADDRESSES = {"open_weather": "https://api.openweathermap.org"}
