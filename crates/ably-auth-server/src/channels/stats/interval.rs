//! Intervals of statistics, and their names.

const MINUTES_PER_HOUR: u64 = 60;
const MINUTES_PER_DAY: u64 = 24 * MINUTES_PER_HOUR;

/// The length of an interval.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unit {
    Minute,
    Hour,
    Day,
    Month,
}

impl Unit {
    pub(crate) fn named(name: &str) -> Option<Self> {
        [Self::Minute, Self::Hour, Self::Day, Self::Month].into_iter().find(|unit| unit.name() == name)
    }

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Minute => "minute",
            Self::Hour => "hour",
            Self::Day => "day",
            Self::Month => "month",
        }
    }

    /// Returns the first minute of the interval that contains `minute`. Minutes count from the epoch.
    pub(super) fn start(self, minute: u64) -> u64 {
        let length = match self {
            Self::Minute => 1,
            Self::Hour => MINUTES_PER_HOUR,
            Self::Day => MINUTES_PER_DAY,
            Self::Month => {
                let day = minute / MINUTES_PER_DAY;
                let days_before = u64::from(Date::of(day).day).saturating_sub(1);
                return day.saturating_sub(days_before).saturating_mul(MINUTES_PER_DAY);
            }
        };
        minute.saturating_sub(minute.checked_rem(length).unwrap_or(0))
    }

    /// Returns the UTC name of the interval that contains `minute`: `YYYY-MM-DD:HH:MM`, or as much of it as the unit
    /// needs.
    pub(super) fn id(self, minute: u64) -> String {
        let Date { year, month, day } = Date::of(minute / MINUTES_PER_DAY);
        let month = format!("{year:04}-{month:02}");
        let (hour, minute) = (minute % MINUTES_PER_DAY / MINUTES_PER_HOUR, minute % MINUTES_PER_HOUR);
        match self {
            Self::Month => month,
            Self::Day => format!("{month}-{day:02}"),
            Self::Hour => format!("{month}-{day:02}:{hour:02}"),
            Self::Minute => format!("{month}-{day:02}:{hour:02}:{minute:02}"),
        }
    }
}

/// Parses the name of an interval of any unit. Returns its first minute, counted from the epoch.
pub(super) fn parse_id(id: &str) -> Option<u64> {
    let number = |text: &str, length: usize| {
        let is_number = text.len() == length && text.bytes().all(|byte| byte.is_ascii_digit());
        is_number.then(|| text.parse::<u64>().ok()).flatten()
    };
    let mut parts = id.split(':');
    let mut date = parts.next()?.split('-');
    let (year, month) = (number(date.next()?, 4)?, number(date.next()?, 2)?);
    let day = date.next().map_or(Some(1), |day| number(day, 2))?;
    let hour = parts.next().map_or(Some(0), |hour| number(hour, 2))?;
    let minute = parts.next().map_or(Some(0), |minute| number(minute, 2))?;
    if date.next().is_some() || parts.next().is_some() || hour >= 24 || minute >= 60 {
        return None;
    }
    let days = Date { year, month: u8::try_from(month).ok()?, day: u8::try_from(day).ok()? }.to_days()?;
    let minutes = hour.checked_mul(MINUTES_PER_HOUR)?.checked_add(minute)?;
    days.checked_mul(MINUTES_PER_DAY)?.checked_add(minutes)
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Date {
    year: u64,
    month: u8,
    day: u8,
}

/// The number of days from 1 March of the year 0 to the epoch.
const EPOCH: u64 = 719_468;

#[expect(clippy::arithmetic_side_effects, reason = "the parts of a date are small, and no difference is negative")]
impl Date {
    /// Returns the date of `day`, counted from the epoch.
    fn of(day: u64) -> Self {
        // Years are counted from March, so that the leap day is the last of a year and each month begins at a fixed
        // day.
        let day = day.saturating_add(EPOCH);
        let (era, day) = (day / 146_097, day % 146_097);
        let year = (day - day / 1_460 + day / 36_524 - day / 146_096) / 365;
        let day = day - (365 * year + year / 4 - year / 100);
        let month = (5 * day + 2) / 153;
        let day = day - (153 * month + 2) / 5 + 1;
        let (month, turn) = if month < 10 { (month + 3, 0) } else { (month - 9, 1) };
        let small = |number: u64| u8::try_from(number).unwrap_or(u8::MAX);
        Self { year: era.saturating_mul(400).saturating_add(year + turn), month: small(month), day: small(day) }
    }

    /// Returns the day, counted from the epoch; `None` for a date before the epoch or one that does not exist.
    fn to_days(self) -> Option<u64> {
        let (month, day) = (u64::from(self.month), u64::from(self.day));
        if !(1..=12).contains(&month) || !(1..=31).contains(&day) || self.year > 9_999 {
            return None;
        }
        let (year, month) = if month > 2 { (self.year, month - 3) } else { (self.year.checked_sub(1)?, month + 9) };
        let days = 365 * year + year / 4 - year / 100 + year / 400 + (153 * month + 2) / 5 + day - 1;
        let days = days.checked_sub(EPOCH)?;
        (Self::of(days) == self).then_some(days)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn interval_names_follow_calendar() {
        let named = [
            (0, "1970-01-01:00:00"),
            (951_782_340, "2000-02-28:23:59"),
            (951_782_400, "2000-02-29:00:00"),
            (951_868_800, "2000-03-01:00:00"),
            (1_449_746_280, "2015-12-10:11:18"),
            (4_107_542_340, "2100-02-28:23:59"),
            (4_107_542_400, "2100-03-01:00:00"),
        ];
        for (seconds, name) in named {
            assert_eq!(Unit::Minute.id(seconds / 60), name);
            assert_eq!(parse_id(name), Some(seconds / 60));
        }
        Unit::Minute.id(u64::MAX / 60_000);
        Unit::Minute.id(u64::MAX);
    }

    #[test]
    fn minute_has_one_interval_of_each_unit() {
        let minute = parse_id("2016-02-29:23:59").unwrap();
        for (unit, id) in [
            (Unit::Minute, "2016-02-29:23:59"),
            (Unit::Hour, "2016-02-29:23"),
            (Unit::Day, "2016-02-29"),
            (Unit::Month, "2016-02"),
        ] {
            assert_eq!((&*unit.id(minute), Some(unit.start(minute))), (id, parse_id(id)));
            assert_eq!(Unit::named(unit.name()), Some(unit));
        }
    }

    #[test]
    fn invalid_interval_name_is_refused() {
        for id in [
            "",
            "x",
            "2016",
            "2016-2",
            "2016-02-30",
            "2015-02-29",
            "2016-13-01",
            "2016-00-01",
            "2016-01-00",
            "2016-01-01:24",
            "2016-01-01:00:60",
            "2016-01-01:00:00:00",
            "1969-12-31",
            "16-01-01",
            "2016-01-01-01",
            "+016-01-01",
            "2016-01-01:0",
        ] {
            assert_eq!(parse_id(id), None, "{id}");
        }
    }
}
