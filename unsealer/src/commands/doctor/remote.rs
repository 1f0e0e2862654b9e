//! What servers and store say of themselves: their clocks, and what stands against deletion.

use jiff::{SignedDuration, Timestamp};
use restore::objects::{About, Switch};

use super::{Check, CheckResult};
use crate::vault::Node as _;
use crate::vault::client::Client;

/// A whole second is lost in the header, and a loaded machine answers late.
const CLOCKS_AGREE: SignedDuration = SignedDuration::from_secs(30);
/// S3 refuses signatures that are 15 minutes off; some servers sooner.
const CLOCKS_BREAK: SignedDuration = SignedDuration::from_mins(10);

/// Versioning and object lock of a store's bucket; nothing for a store that has no such thing.
pub(super) fn protection(whose: &str, about: &About) -> Option<Check> {
    let name = "store-protection";
    let told = about.protection.as_ref()?;
    let weak = |seen: &str, hint| Some(Check::other(name, CheckResult::Weak, format!("{whose}: {seen}"), hint));
    let switch_on =
        "switch it on for the bucket: what a stolen write or delete key replaces or deletes can then be brought back";
    match (&told.versioning, &told.object_lock) {
        (Switch::Off, Switch::On | Switch::Off) => weak("versioning and object lock are off", switch_on),
        (Switch::On, Switch::Off) => weak("versioning is on and object lock is off", switch_on),
        (Switch::On, Switch::On) => Some(Check::good(name, format!("{whose}: versioning and object lock are on"))),
        (Switch::NotTold(why), _) | (_, Switch::NotTold(why)) => weak(
            &format!("whether versioning and object lock are on was not told: {why}"),
            "look with the bucket owner's key; reading these settings takes a right that `run` does not need",
        ),
    }
}

/// A store's clock, where it tells one.
pub(super) fn store_clock(whose: &str, about: &About) -> Option<Check> {
    about.clock_ahead.map(|ahead| clock("store-clock", whose, ahead))
}

/// A server's clock. One that does not answer is named by another check.
pub(super) async fn server_clock(server: &Client, now: impl Fn() -> Timestamp) -> Option<Check> {
    let ahead = server.clock_ahead(now()).await.ok().flatten()?;
    Some(clock("server-clock", server.address(), ahead))
}

fn clock(name: &'static str, whose: &str, ahead: SignedDuration) -> Check {
    let off = SignedDuration::from_secs(ahead.as_secs().saturating_abs());
    if off <= CLOCKS_AGREE {
        return Check::good(name, format!("{whose}: its clock agrees with ours"));
    }
    let side = if ahead.is_negative() { "behind" } else { "ahead of" };
    let seen = format!("{whose}: its clock is {} s {side} ours", off.as_secs());
    let result = if off > CLOCKS_BREAK { CheckResult::Bad } else { CheckResult::Weak };
    Check::other(
        name,
        result,
        seen,
        "set the clock that is wrong, and keep it right by NTP: signatures and marks carry the time",
    )
}

#[cfg(test)]
mod tests {
    use restore::objects::Protection;

    use super::*;

    #[test]
    fn clocks_agree_are_off_or_break_signatures() {
        let result = |seconds| clock("clock", "it", SignedDuration::from_secs(seconds)).result;
        assert_eq!([0, 30, -30].map(result), [CheckResult::Good; 3]);
        assert_eq!([31, -31, 600, -600].map(result), [CheckResult::Weak; 4]);
        assert_eq!([601, -601, i64::MAX, i64::MIN].map(result), [CheckResult::Bad; 4]);
    }

    #[test]
    fn only_what_is_told_to_be_on_is_good() {
        let untold = || Switch::NotTold("denied".to_owned());
        let result = |versioning, object_lock| {
            let about = About { protection: Some(Protection { versioning, object_lock }), ..About::default() };
            protection("main", &about).map(|check| check.result)
        };
        assert_eq!(result(Switch::On, Switch::On), Some(CheckResult::Good));
        for (versioning, object_lock) in [
            (Switch::Off, Switch::Off),
            (Switch::On, Switch::Off),
            (Switch::Off, untold()),
            (untold(), Switch::On),
            (Switch::On, untold()),
        ] {
            assert_eq!(result(versioning, object_lock), Some(CheckResult::Weak));
        }
        assert_eq!(protection("main", &About::default()), None);
    }
}
