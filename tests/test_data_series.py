"""Time series from CSV files, as spreadsheets and pandas write them; files that are damaged are refused."""

import numpy as np
import pytest
import real_data

from minigrad.data import read_series


def written(tmp_path, content):
    path = tmp_path / "file"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def test_years_and_values(tmp_path):
    times, values = read_series(written(tmp_path, '"YEAR","SUN"\n1700,5\n1701,11.5\n'))
    assert times.astype(str).tolist() == ["1700", "1701"]
    assert values.tolist() == [5, 11.5]


def test_days_with_gaps(tmp_path):
    times, values = read_series(written(tmp_path, "date,co2\n19580329,316.1\n1958-04-05,\n"))
    assert times.dtype == "datetime64[D]"
    assert np.diff(times) == np.timedelta64(7, "D")
    np.testing.assert_array_equal(values, [316.1, np.nan])


def test_months_in_columns_become_one_series(tmp_path):
    names = "YEAR,JAN,FEB,MAR,APR,MAY,JUN,JUL,AUG,SEP,OCT,NOV,DEC\n"
    rows = "".join(
        f"{year}," + ",".join(str(12 * i + m) for m in range(12)) + "\n" for i, year in enumerate((1950, 1951))
    )
    path = written(tmp_path, names + rows)
    times, values = read_series(path)
    assert values.tolist() == list(range(24))
    assert times.astype(str).tolist()[11:13] == ["1950-12", "1951-01"]
    assert read_series(path, "MAR").values.tolist() == [2, 14]


def test_a_column_by_its_name(tmp_path):
    path = written(tmp_path, "month,a,b\n2000-01,1,2\n2000-02,3,4\n")
    assert read_series(path, "b").values.tolist() == [2, 4]
    with pytest.raises(ValueError, match="the columns month, a, b; say which one"):
        read_series(path)
    with pytest.raises(ValueError, match="no column 'month' of values, but a, b"):
        read_series(path, "month")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "is empty"),
        ("year,x\n", "has no values"),
        ("year,x\n1700,1,2\n", "line 2: 3 fields, where there are 2 columns"),
        ("year,x\n1700,1\n\n1701,2\n", "line 3: 0 fields"),
        ("year,x\n1700,one\n", "line 2, column 'x': 'one' is not a number"),
        ("year,x\n1700,inf\n", "'inf' is not a number"),
        ("year,x\n1700,nan\n", "'nan' is not a number"),
        ("year,x\n17,1\n", "'17' is not a year, a month"),
        ("day,x\n20001301,1\n", "'20001301' is not a year"),
        ("year,x\n1700,1\n1700,2\n", "line 3: the time '1700' does not follow 1700"),
        ("year,x\n1700,1\n1701-01,2\n", "does not follow"),
        ('year,x\n1700,"' + "1" * 200_000 + '"\n', "field larger than"),
        ("year\n1700\n", "has the columns year"),
    ],
)
def test_series_that_are_damaged(tmp_path, content, message):
    with pytest.raises(ValueError, match=message):
        read_series(written(tmp_path, content))


@pytest.mark.parametrize(
    ("name", "first", "last", "count", "gaps"),
    [
        ("sunspots", "1700", "2008", 309, 0),
        ("co2", "1958-03-29", "2001-12-29", 2284, 59),
        ("elnino", "1950-01", "2010-12", 732, 0),
    ],
)
def test_the_real_series(name, first, last, count, gaps):
    times, values = read_series(real_data.path(f"series/{name}.csv"))
    assert times[[0, -1]].astype(str).tolist() == [first, last]
    assert len(times) == len(values) == count
    assert np.isnan(values).sum() == gaps
