//! ResponseFilter: the responses of the service into which a fault is injected.

use http::{HeaderMap, StatusCode};

use crate::config::error::{ErrorCollector, FaultErrorKind};
use crate::fault::filter::lists::{AllowBlock, HeaderList, passes};

#[derive(Debug, Default)]
pub(crate) struct ResponseFilter {
    pub(crate) statuses: AllowBlock<StatusList>,
    pub(crate) headers: AllowBlock<HeaderList>,
}

impl ResponseFilter {
    /// Tests for a filter that admits every response, so that none is waited for.
    pub(crate) fn is_empty(&self) -> bool {
        self.statuses.is_empty(StatusList::is_empty) && self.headers.is_empty(HeaderList::is_empty)
    }

    /// Tests the lists of both kinds, which a response must pass.
    pub(crate) fn admits(&self, status: StatusCode, headers: &HeaderMap) -> bool {
        passes(&self.statuses, StatusList::is_empty, |list| list.contains(status))
            && passes(&self.headers, HeaderList::is_empty, |list| list.contains(headers))
    }
}

/// Ranges of statuses, both ends included.
#[derive(Debug, Default)]
pub(crate) struct StatusList(Vec<(u16, u16)>);

impl StatusList {
    /// Parses the ranges; each invalid one is reported under `setting[index]`.
    pub(crate) fn check(setting: &str, ranges: Vec<String>, errors: &mut ErrorCollector) -> Self {
        let mut list = Vec::with_capacity(ranges.len());
        for (index, range) in ranges.into_iter().enumerate() {
            match parse(&range) {
                Some(range) => list.push(range),
                None => errors.add(format!("{setting}[{index}]"), range, FaultErrorKind::StatusRange),
            }
        }
        Self(list)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(crate) fn contains(&self, status: StatusCode) -> bool {
        let status = status.as_u16();
        self.0.iter().any(|(first, last)| (*first..=*last).contains(&status))
    }
}

/// Parses `503`, `5xx` or `500-504`. The statuses of `http` have three digits.
fn parse(text: &str) -> Option<(u16, u16)> {
    if let Some(class) = text.strip_suffix("xx") {
        let class = class.parse::<u16>().ok().filter(|digit| (1..=9).contains(digit) && class.len() == 1)?;
        return Some((class * 100, class * 100 + 99));
    }
    let status = |text: &str| {
        let is_number = text.len() == 3 && text.bytes().all(|byte| byte.is_ascii_digit());
        text.parse::<u16>().ok().filter(|status| is_number && *status >= 100)
    };
    let (first, last) = text.split_once('-').unwrap_or((text, text));
    let (first, last) = (status(first)?, status(last)?);
    (first <= last).then_some((first, last))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Against a slow oracle: the text of each status.
    #[test]
    fn ranges_contain_what_they_say() {
        for class in 1..=9 {
            let range = parse(&format!("{class}xx"));
            for status in 100..=999_u16 {
                let is_in = range.is_some_and(|(first, last)| (first..=last).contains(&status));
                assert_eq!(is_in, status.to_string().starts_with(&class.to_string()), "{class}xx {status}");
            }
        }
        assert_eq!(parse("503"), Some((503, 503)));
        assert_eq!(parse("500-504"), Some((500, 504)));
        for wrong in
            ["", "xx", "0xx", "55xx", "+5xx", "5XX", "99", "1000", "504-500", "500-", "-500", "5 3", "+50"]
        {
            assert_eq!(parse(wrong), None, "{wrong}");
        }
    }
}
