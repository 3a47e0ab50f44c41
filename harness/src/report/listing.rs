//! A table of results that are no records: values with their kinds, so that people read `12×` and `3.4 ms` and programs read
//! unrounded numbers with the unit in the column's name.

use serde_json::{Map, Value};

use super::{table, units};

/// A table and what it is of.
#[derive(Clone, Debug, PartialEq)]
pub struct Listing {
    /// What the table shows, and how it is defined.
    pub about: String,
    /// Names of its columns as programs read them, with units: `time_ns`. People see blanks for underscores.
    pub heads: Vec<&'static str>,
    /// Its rows, as long as the heads.
    pub rows: Vec<Vec<Datum>>,
}

/// One cell of a table.
#[derive(Clone, Debug, PartialEq)]
pub enum Datum {
    /// Words.
    Text(String),
    /// A plain figure.
    Plain(f64),
    /// A ratio.
    Ratio(f64),
    /// A share of one.
    Share(f64),
    /// A time, ns.
    TimeNs(f64),
    /// Nothing there.
    None,
}

impl Datum {
    /// Words, cleaned by whoever indexed the records.
    pub fn text(words: impl Into<String>) -> Self {
        Self::Text(words.into())
    }

    /// What there is, or nothing.
    pub fn opt(value: Option<f64>, kind: fn(f64) -> Self) -> Self {
        value.filter(|v| v.is_finite()).map_or(Self::None, kind)
    }

    /// For people.
    pub fn shown(&self) -> String {
        match self {
            Self::Text(words) => words.clone(),
            Self::Plain(x) => units::plain(*x),
            Self::Ratio(x) => units::ratio(*x),
            Self::Share(x) => units::percent(*x),
            Self::TimeNs(x) => units::time(*x),
            Self::None => units::NONE.into(),
        }
    }

    /// The unrounded number, where it is one: what tables are sorted by.
    pub fn number(&self) -> Option<f64> {
        match *self {
            Self::Plain(x) | Self::Ratio(x) | Self::Share(x) | Self::TimeNs(x) => Some(x),
            Self::Text(_) | Self::None => None,
        }
    }

    fn raw(&self) -> Value {
        match self {
            Self::Text(words) => Value::String(words.clone()),
            // A count is a whole number, and written as one.
            Self::Plain(x) if x.fract() == 0.0 && x.abs() < 1e15 => Value::from(*x as i64),
            Self::Plain(x) | Self::Ratio(x) | Self::Share(x) | Self::TimeNs(x) => Value::from(*x),
            Self::None => Value::Null,
        }
    }
}

impl Listing {
    /// A listing of words alone.
    pub fn of_words(about: String, heads: &[&'static str], rows: Vec<Vec<String>>) -> Self {
        let rows = rows.into_iter().map(|row| row.into_iter().map(Datum::Text).collect()).collect();
        Self { about, heads: heads.to_vec(), rows }
    }

    /// Heads for people.
    pub fn shown_heads(&self) -> Vec<String> {
        self.heads.iter().map(|h| h.trim_end_matches("_ns").replace('_', " ")).collect()
    }

    /// Markdown, with what it is of above.
    pub fn markdown(&self) -> String {
        let heads = self.shown_heads();
        let heads: Vec<&str> = heads.iter().map(String::as_str).collect();
        let rows = self.rows.iter().map(|row| row.iter().map(Datum::shown).collect());
        format!("{}\n\n{}", self.about, table::markdown(&heads, rows))
    }

    /// Comma-separated values (RFC 4180), unrounded.
    pub fn csv(&self) -> String {
        let field = |datum: &Datum| match datum.raw() {
            Value::Null => String::new(),
            Value::String(words) => table::quoted(&words),
            number => number.to_string(),
        };
        let line = |row: &Vec<Datum>| row.iter().map(field).collect::<Vec<_>>().join(",") + "\n";
        self.heads.join(",") + "\n" + &self.rows.iter().map(line).collect::<String>()
    }

    /// An array of objects, unrounded.
    pub fn json(&self) -> Value {
        let object = |row: &Vec<Datum>| {
            let pairs = self.heads.iter().zip(row).map(|(head, datum)| ((*head).to_string(), datum.raw()));
            Value::Object(pairs.collect::<Map<_, _>>())
        };
        Value::Array(self.rows.iter().map(object).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn people_read_units_and_programs_read_numbers() {
        let listing = Listing {
            about: "Times.".into(),
            heads: vec!["name", "time_ns", "speed_up", "share"],
            rows: vec![
                vec![Datum::text("a, \"b\""), Datum::TimeNs(1234.5), Datum::Ratio(2.5), Datum::Share(0.25)],
                vec![Datum::text("c|d"), Datum::None, Datum::opt(Some(f64::NAN), Datum::Ratio), Datum::Plain(7.0)],
            ],
        };
        let text = listing.markdown();
        assert!(text.contains("1.23 µs") && text.contains("2.5×") && text.contains("25 %"), "{text}");
        assert!(text.contains("speed up") && text.contains("| time |"), "{text}");
        let csv = listing.csv();
        assert_eq!(csv.lines().nth(1), Some("\"a, \"\"b\"\"\",1234.5,2.5,0.25"));
        assert_eq!(csv.lines().nth(2), Some("c|d,,,7"));
        assert_eq!(listing.json()[0]["time_ns"], 1234.5);
        assert!(listing.json()[1]["time_ns"].is_null());
    }
}
