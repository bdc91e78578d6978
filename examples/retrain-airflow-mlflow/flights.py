"""The flights of this example: a folder with one Parquet file a day, as a warehouse would have them. Real US flights of 2001, with one change in
the world: from 5 February on, routes shorter than 400 miles (37 % of the flights) are no longer flown.

    python flights.py flights-3m.parquet run/data       writes the folder
"""

import sys
from datetime import timedelta
from pathlib import Path

import pandas as pd

MODEL = "flights"
ALIAS = "champion"
REFERENCE = "flights.reference.json"
FEATURES = ["distance", "origin", "destination"]
CHANGE = pd.Timestamp("2001-02-05")


def read(folder: Path, start: pd.Timestamp, end: pd.Timestamp) -> pd.DataFrame:
    """The flights of [start, end), in the order of their departures."""
    days = [path for path in sorted(folder.glob("*.parquet")) if start - timedelta(days=1) < pd.Timestamp(path.stem) < end]
    if not days:
        raise SystemExit(f"{folder} has no flights from {start} to {end}")
    flights = pd.concat([pd.read_parquet(day) for day in days])
    return flights[(flights.timestamp >= start) & (flights.timestamp < end)]


def newest(folder: Path) -> pd.Timestamp:
    """The end of the last day in the folder."""
    days = sorted(path.stem for path in folder.glob("*.parquet"))
    if not days:
        raise SystemExit(f"{folder} has no flights")
    return pd.Timestamp(days[-1]) + timedelta(days=1)


def inputs(flights: pd.DataFrame) -> pd.DataFrame:
    """What the model sees of a flight."""
    return flights[FEATURES].assign(hour=flights.timestamp.dt.hour)


def write(source: Path, folder: Path) -> None:
    flights = pd.read_parquet(source).rename(columns={"date": "timestamp"})
    flights = flights[flights.timestamp < "2001-02-20"]
    flights = flights[(flights.timestamp < CHANGE) | (flights.distance >= 400)]
    folder.mkdir(parents=True, exist_ok=True)
    for day, part in flights.groupby(flights.timestamp.dt.date):
        part.to_parquet(folder / f"{day}.parquet", index=False)
    print(f"{len(flights)} flights in {folder}, {flights.timestamp.min()} to {flights.timestamp.max()}")


if __name__ == "__main__":
    write(Path(sys.argv[1]), Path(sys.argv[2]))
