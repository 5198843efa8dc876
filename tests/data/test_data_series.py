"""Time series from CSV files, as spreadsheets and pandas write them; files that are damaged are refused."""

import gzip

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
        ("\n \n", "has nothing but empty lines"),
        ("year,x\n\n", "has no values"),
        ("1700,x\n1701,6\n", "neither names of columns in its first line nor values: 1700,x"),
        ("year,x\n1700\n", "line 2: 1 fields, where there are 2 columns"),
        ("year,x\n\n1700,1\n1701,1,5\n", r"line 4: 3 fields, where there are 2 columns \(a number with a comma"),
        ("year;x\n1700;1,5\n", r"has semicolons between its fields. Save it with commas.*sep=';', decimal=','"),
        ("year\tx\n1700\t1.5\n", "has tabs between"),
        ("year,x\n1700,one\n", "line 2, column 'x': 'one' is not a number"),
        ("year,x\n1700,inf\n", "'inf' is not a number"),
        ("year,x\n1700,1_500\n", "line 2, column 'x': '1_500' is not a number, such as 1500"),
        ('year,x\n1700,"1,500"\n', "'1,500' is not a number"),
        ("year,x\n1700,0x10\n", "'0x10' is not a number"),
        ("year,x\n1700,1e999\n", "'1e999' is not a number"),
        ("year,x\n1700,--\n", "'--' is not a number"),
        ("year,x\n1700,\u0661\n", "is not a number"),
        ("year,x\n1700,missing\n", "of a lacking value, the field is empty or NA"),
        ("year,x\n,1\n", "line 2, column 'year': '' is not a year"),
        ("year,x\n\u0661\u0667\u0660\u0660,1\n", "is not a year"),
        ('year,x\n1700,"1\n1701,2\n', "line 3: unexpected end of data"),
        ('year,x\n1700,"1"5\n', "line 2: "),
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
    "content",
    [
        "year,x\n1700,5\n1701,\n1702,7\n",
        "year,x\n1700,5\n1701,\n1702,7",
        "year,x\n1700,5\n1701,\n1702,7\n\n",
        "year,x\r\n1700,5\r\n1701,\r\n1702,7\r\n\r\n",
        "\ufeffyear,x\n1700,5\n1701,\n1702,7\n",
        "\n  \nyear,x\n1700,5\n\n1701,\n   \n1702,7\n \n",
        " year , x \n 1700 , 5 \n1701,  \n1702 ,7.\n",
        '"year", "x"\n"1700", "5"\n1701,""\n1702,"7"\n',
        '"year" , "x"\t\n "1700" ,"5" \n1701 ,"" \n"1702","7" ',
        "year,x\n1700,+5\n1701,NA\n1702,.7e1\n",
    ],
)
def test_what_spreadsheets_write(tmp_path, content):
    for each in (content, gzip.compress(content.encode())):
        times, values = read_series(written(tmp_path, each))
        assert times.astype(str).tolist() == ["1700", "1701", "1702"]
        np.testing.assert_array_equal(values, [5, np.nan, 7])


@pytest.mark.parametrize(
    "word", ["", " ", "NA", "N/A", "n/a", "NaN", "nan", "-nan", "NULL", "null", "None", "<NA>", "-"]
)
def test_words_for_a_lacking_value(tmp_path, word):
    assert np.isnan(read_series(written(tmp_path, f"year,x\n1700,{word}\n")).values).all()


def test_fields_in_quotes_hold_commas_and_lines(tmp_path):
    path = written(tmp_path, 'year,"note, if any","x ""raw""\n(ppm)"\n1700,"a, b\nc",5\n1701,,wrong\n')
    with pytest.raises(ValueError, match=r"line 5, column 'x \"raw\".n\(ppm\)': 'wrong' is not a number"):
        read_series(path, 'x "raw"\n(ppm)')
    with pytest.raises(ValueError, match="line 4, column 'note, if any'"):
        read_series(path, "note, if any")


def test_columns_of_one_name(tmp_path):
    path = written(tmp_path, "year,a,b,a\n1700,1,2,3\n")
    assert read_series(path, " b ").values.tolist() == [2]
    with pytest.raises(ValueError, match="has 2 columns named 'a'; give each a name of its own"):
        read_series(path, "a")


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


def test_a_file_without_names(tmp_path):
    path = written(tmp_path, "1700,5,\n1701,6,7\n")
    assert read_series(path, "2").values.tolist() == [5, 6]
    assert read_series(path, "3").values.tolist()[1:] == [7]
    with pytest.raises(ValueError, match="has the columns 1, 2, 3; say which one"):
        read_series(path)
    with pytest.raises(ValueError, match="line 2, column '2': 'six' is not a number"):
        read_series(written(tmp_path, "1700,5\n1701,six\n"))


@pytest.mark.parametrize("sign", " T")
def test_times_of_the_day(tmp_path, sign):
    times = read_series(written(tmp_path, f"time,x\n2020-01-01{sign}23:00,1\n2020-01-02{sign}00:30,2\n")).times
    assert np.diff(times).astype("timedelta64[s]").astype(int).tolist() == [5400]
    with pytest.raises(ValueError, match="is not a year, a month"):
        read_series(written(tmp_path, f"time,x\n2020-01-01{sign}25:00,1\n"))
