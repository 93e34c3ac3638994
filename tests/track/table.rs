//! The tables in the documentation, read from there.

/// A row of a state × event table.
#[derive(Debug)]
pub(crate) struct Row {
    pub(crate) event: String,
    pub(crate) verdict: String,
    /// For each state, what the event does.
    pub(crate) cells: Vec<(String, Cell)>,
}

#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Cell {
    /// The new state, if it is another one.
    pub(crate) state: Option<String>,
    /// What is sent, in order: letters.
    pub(crate) sends: String,
    /// The signs: ✓ ✗ !
    pub(crate) signs: String,
    /// Words.
    pub(crate) rest: String,
}

impl Cell {
    fn parse(text: &str) -> Self {
        let mut cell = Self {
            state: None,
            sends: String::new(),
            signs: String::new(),
            rest: String::new(),
        };
        for token in text.split_whitespace() {
            match token {
                "·" => {}
                _ if token.starts_with('`') => cell.state = Some(token.trim_matches('`').into()),
                "a" | "c" | "p" => cell.sends += token,
                _ if token.chars().all(|sign| "✓✗!".contains(sign)) => cell.signs += token,
                _ => cell.rest += token,
            }
        }
        cell
    }
}

/// The table whose first row starts with "event".
pub(crate) fn read(source: &str) -> Vec<Row> {
    let columns = |line: &str| -> Vec<String> {
        let inner = line.trim_start_matches("//! |").trim_end_matches('|');
        inner.split('|').map(|cell| cell.trim().into()).collect()
    };
    let is_row = |line: &&str| line.starts_with("//! |");
    let mut lines = source
        .lines()
        .skip_while(|line| !line.starts_with("//! | event"));
    let head = columns(lines.next().expect("a table"));
    let states: Vec<_> = head[2..]
        .iter()
        .map(|state| state.trim_matches('`'))
        .collect();
    let rows = lines.skip(1).take_while(is_row).map(columns);
    let rows = rows.map(|row| {
        assert_eq!(row.len(), head.len(), "{row:?}");
        let cells = row[2..].iter().map(|cell| Cell::parse(cell));
        Row {
            event: row[0].clone(),
            verdict: row[1].clone(),
            cells: states
                .iter()
                .map(|state| state.to_string())
                .zip(cells)
                .collect(),
        }
    });
    rows.collect()
}
