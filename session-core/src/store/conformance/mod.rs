//! The [store contract](crate::store) as functions, for the tests of any store. A test runs [`suite`] or single rules
//! on the executor that the store needs. For a store whose futures never wait, [`testing::run`](crate::testing::run) is
//! enough.
//!
//! - Each rule uses its own handles, derived from `seed` and the rule's name. With a random seed, the suite can run
//!   against a shared server. A rule that is kept removes its records.
//! - No rule sleeps. The rules call the store with times from `start` to a few minutes later. A store that removes
//!   expired records by its caller's time may therefore remove other users' records. If the medium has its own
//!   time-to-live, `start` must be the current time.
//! - The store must have room for two records of 192 bytes.
//! - A store without an index keeps the rules of the index. [`end_all_ends_all`] is not in the suite, because it ends
//!   every session in the store.
//!
//! Two rules of the contract cannot be checked from outside: `load` returns bytes in the medium that are no record as
//! they are, and a full store evicts the right session. Test these in the store's crate.

mod broken;
mod case;
mod index;
mod races;
mod records;
mod span;
mod waiting;

use crate::base::environment::Time;
use crate::store::contract::Store;
pub use broken::{Broken, Verdict};
use case::Case;

fn verdict(file: &str, lists: bool, broken: Option<Broken>) -> Verdict {
    match broken {
        Some(broken) => Verdict::Broken(broken),
        None if file == "index" && !lists => Verdict::Unsupported,
        None => Verdict::Holds,
    }
}

/// Makes of each rule a function, an entry of [`RULES`] and a step of [`suite`], so that none can be forgotten.
macro_rules! rules {
    ($($file:ident::$name:ident $rule:ident: $sentence:literal)*) => {
        /// Every rule in the order of the suite: the function's name, the requirement, and what it demands.
        pub const RULES: &[(&str, &str, &str)] = &[$((stringify!($name), stringify!($rule), $sentence)),*];

        /// Runs all rules and stops at the first broken one.
        ///
        /// # Errors
        /// The broken rule.
        pub async fn suite<S: Store>(store: &S, start: Time, seed: u64) -> Result<(), Broken> {
            $($name(store, start, seed).await?;)*
            Ok(())
        }

        /// Runs all rules, including those after a broken one, and passes the result of each to `tell`.
        pub async fn each<S: Store>(store: &S, start: Time, seed: u64, mut tell: impl FnMut(&'static str, Verdict)) {
            $({
                let broken = $name(store, start, seed).await.err();
                tell(stringify!($name), verdict(stringify!($file), store.index().is_some(), broken));
            })*
        }

        $(
            #[doc = $sentence]
            ///
            /// # Errors
            /// What the store should have done.
            pub async fn $name<S: Store>(store: &S, start: Time, seed: u64) -> Result<(), Broken> {
                $file::$name(Case::new(store, start, seed, stringify!($rule), stringify!($name))).await
            }
        )*
    };
}

/// Checks that `end_all` ends every session that began before, regardless of clocks, and none that begins later. A
/// store that does not support it returns `false` and ends none.
///
/// # Errors
/// What the store should have done.
pub async fn end_all_ends_all<S: Store>(store: &S, start: Time, seed: u64) -> Result<(), Broken> {
    index::end_all_ends_all(Case::new(store, start, seed, "LC10", "end_all_ends_all")).await
}

rules! {
    records::absent_is_missing ST1: "A load of a record that was never created returns Missing."
    records::create_stores_the_bytes ST1: "A create stores every byte. A load returns them with a version that an update may name."
    records::create_never_replaces ST1: "A create under a key in use returns Conflict(None) and changes nothing."
    records::delete_any ST1: "A delete with the condition Any removes the record and frees the key."
    records::update_replaces ST1: "An update replaces the record by one that may be shorter or longer."
    records::update_of_another_version_conflicts ST1: "An update of another version returns Conflict and changes nothing. A record that it copies into the buffer is the current one."
    records::update_creates_nothing LC3: "An update of a record that was never created, or was deleted, returns Missing and creates nothing."
    records::versions_differ ST1: "Every update returns a new version, and an older version is rejected even if the data is the same again."
    records::too_large_a_record_is_told ST1: "A load into too small a buffer returns the record's size."
    records::handles_are_apart ST8: "Records whose handles differ in one bit do not affect each other."
    records::full_changes_nothing ST9: "A create without room returns Full and no error, and changes nothing. A create with room is applied."
    records::delete_by_version ST1: "A delete by version removes only that version."
    records::delete_by_login LC3: "A delete by login number removes the record with that number, even if it was changed since, and no other."
    records::delete_is_idempotent ST1: "A delete of an absent record returns Missing, however often it is repeated."
    span::expiry_to_the_millisecond LC5: "A record is live until the millisecond before its idle or absolute limit by the caller's time, and Missing from then on."
    span::create_takes_the_place_of_an_expired_one ST7: "A create under the key of an expired record is applied."
    span::touch_creates_nothing LC3: "A touch of a record that was never created, or was deleted, returns Missing and creates nothing."
    span::touch_revives_nothing LC5: "A touch of an expired record returns Missing and does not revive it."
    span::touch_moves_last_seen_forward_only LC5: "A touch moves last_seen forward to now, never back, and changes nothing else."
    span::touch_keeps_the_version ST1: "A touch does not change the version. An update may name the version from before it, or the one that it returned."
    span::update_after_expiry_is_missing LC5: "An update of an expired record returns Missing and does not revive it."
    span::update_keeps_the_later_last_seen LC5: "An update keeps the later last_seen of the stored record and the new one, and nothing else of the stored record."
    span::update_gives_the_new_limits ST1: "An update replaces the record's limits."
    span::update_gives_the_new_login ST1: "An update replaces the record's login number."
    span::delete_asks_no_clock LC9: "A delete removes a record that has expired by the caller's clock but is live by another's."
    records::too_large_changes_nothing ST12: "A create or an update of a record that the store can never hold returns TooLarge with both sizes and no error, and changes nothing. A record of the returned size is accepted."
    races::one_of_two_creates_wins ST2: "Of two concurrent creates under one key, exactly one is applied."
    races::one_of_two_updates_wins ST2: "Of two concurrent updates of one version, exactly one is applied."
    races::update_revives_nothing LC3: "An update that is concurrent with a delete does not revive the record."
    races::a_dropped_update_is_old_or_new ST1: "A dropped update leaves the old record or the new one."
    index::an_unknown_subject_has_no_entries LC9: "A subject that never signed in has no entries in the index."
    index::entries_are_listed_in_order LC9: "Entries are listed in the order in which they were added, in pages of any size."
    index::an_entry_is_there_once LC9: "An entry that is added again keeps its position. An entry of a newer login replaces it, and a late one of an older login does not."
    index::a_moved_epoch_refuses LC9: "An entry whose login began under another epoch is rejected, and the epoch only increases."
    index::every_move_gives_another_epoch LC9: "Every bump of the epoch returns a new one, and the last order."
    index::removed_entries_are_gone LC9: "A removal removes the entry with that login number and no other, however often it is repeated."
    index::subjects_are_apart LC9: "A subject has only its own entries."
    records::check_answers ST1: "A working store passes its check."
    waiting::a_store_that_never_waits_is_ready_at_once ST1: "Every operation of a store whose `never_waits` is true is ready at its first poll."
}
