//! How many sessions there are, by kind.

use std::collections::HashSet;

use serde::Serialize;
use session_core::record::Stamp;

use crate::application::{Application, now};
use crate::failure::Failure;
use crate::listing::Row;

/// Field names are an interface of the program: see the README.
#[derive(Default, Serialize)]
pub(crate) struct Stats {
    signed_in: u64,
    subjects: usize,
    device_bound: u64,
    visitors: u64,
    unreadable: u64,
    /// Includes expired sessions that were not removed yet; `None` if the store cannot count.
    kept: Option<u64>,
}

pub(crate) async fn stats(application: &Application) -> Result<Stats, Failure> {
    let (mut stats, mut subjects, now) = (Stats::default(), HashSet::new(), now());
    let each = |handle, head: &[u8]| match Row::of(handle, head, now) {
        Some(row) => {
            stats.signed_in += 1;
            stats.device_bound += u64::from(row.device_bound);
            subjects.insert(row.subject);
        }
        None if Stamp::of(head).is_none() => stats.unreadable += 1,
        // not what a layered store keeps for itself
        None => stats.visitors += u64::from(Stamp::is_anonymous(head)),
    };
    if !application.store.for_each_head(now, each).await.map_err(Failure::failed)? {
        return Err(Failure::failed("this store cannot tell which sessions it has (memcached)"));
    }
    stats.subjects = subjects.len();
    stats.kept = match application.sessions.count().await {
        Ok(count) => Some(count),
        Err(session_std::Error::Unsupported) => None,
        Err(why) => return Err(application.failed(why)),
    };
    Ok(stats)
}

impl Stats {
    pub(crate) fn shown(&self) -> String {
        let Self { signed_in, subjects, device_bound, visitors, unreadable, kept } = self;
        let kept = kept.map_or_else(|| "not counted by this store".into(), |kept| kept.to_string());
        format!(
            "signed in     {signed_in}\nsubjects      {subjects}\ndevice-bound  {device_bound}\nvisitors      {visitors}\n\
             unreadable    {unreadable}\nkept          {kept}\n"
        )
    }
}
