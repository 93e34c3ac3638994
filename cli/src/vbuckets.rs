//! Sets of vbuckets, as they are written: `0-63,70`.

use core::fmt;
use core::str::FromStr;
use std::collections::BTreeSet;

/// Vbuckets, at least one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Vbuckets(BTreeSet<u16>);

impl Vbuckets {
    /// No bucket has as many.
    const LIMIT: u16 = 1024;

    /// Them, ascending.
    pub fn iter(&self) -> impl Iterator<Item = u16> + Clone + use<'_> {
        self.0.iter().copied()
    }

    /// Whether this is one of them.
    pub fn contains(&self, vbucket: u16) -> bool {
        self.0.contains(&vbucket)
    }
}

impl FromStr for Vbuckets {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let number = |text: &str| match text.trim().parse::<u16>() {
            Ok(number) if number < Self::LIMIT => Ok(number),
            _ => Err(format!(
                "{text:?} is no vbucket: expected ranges such as 0-63,70"
            )),
        };
        let mut vbuckets = BTreeSet::new();
        for part in text.split(',') {
            let (first, last) = part.split_once('-').unwrap_or((part, part));
            let (first, last) = (number(first)?, number(last)?);
            if last < first {
                return Err(format!("{part:?} ends before it starts"));
            }
            vbuckets.extend(first..=last);
        }
        Ok(Self(vbuckets))
    }
}

impl fmt::Display for Vbuckets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", Ranges(self.iter()))
    }
}

/// Displays ascending numbers as ranges.
#[derive(Debug, Clone)]
pub struct Ranges<I>(pub I);

impl<I: Iterator<Item = u16> + Clone> fmt::Display for Ranges<I> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut numbers = self.0.clone().peekable();
        let mut separator = "";
        while let Some(first) = numbers.next() {
            let mut last = first;
            while let Some(next) = numbers.next_if(|&next| last.checked_add(1) == Some(next)) {
                last = next;
            }
            write!(f, "{separator}{first}")?;
            if last > first {
                write!(f, "-{last}")?;
            }
            separator = ",";
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges() {
        for (text, same) in [
            ("0-63,70", "0-63,70"),
            ("7", "7"),
            ("3,1,2,1-2", "1-3"),
            ("0-1023", "0-1023"),
            (" 4 - 5 , 9", "4-5,9"),
        ] {
            assert_eq!(text.parse::<Vbuckets>().unwrap().to_string(), same);
        }
        for text in ["", "a", "5-", "5-3", "1024", "-1", "0-63,"] {
            assert!(text.parse::<Vbuckets>().is_err(), "{text:?}");
        }
    }
}
