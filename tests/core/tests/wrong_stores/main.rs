//! The conformance suite finds what is wrong with a store (ST11): each of these has one mistake, and the first rule that
//! breaks is the one that the mistake breaks.

mod store;

use session_core::conformance::{Broken, RULES, end_all_ends_all, suite};
use session_core::environment::Time;
use session_core::store::{NullStore, Store};
use session_core::testing::run;
use std::collections::BTreeSet;
use store::Way::{self, *};
use store::WrongStore;

const RIGHT: &[Way] =
    &[Plain, VersionsAreCounted, ConflictsTellNothing, EveryCallWaits, TwoPlaces, TakesThreeHundredBytes];

const WRONG: &[(Way, &str)] = &[
    (LoadInvents, "absent_is_missing"),
    (BytesEndAtZero, "create_stores_the_bytes"),
    (LinesAreTrimmed, "create_stores_the_bytes"),
    (CreateReplaces, "create_never_replaces"),
    (CreateTellsNothing, "create_never_replaces"),
    (DeleteForgetsTo, "delete_any"),
    (UpdateLeavesTheTail, "update_replaces"),
    (UpdateCutsToTheOldLength, "update_replaces"),
    (UpdateIgnoresTheVersion, "update_of_another_version_conflicts"),
    (VersionsAreFloats, "update_of_another_version_conflicts"),
    (VersionsHave63Bits, "update_of_another_version_conflicts"),
    (VersionsHave32Bits, "update_of_another_version_conflicts"),
    (ConflictTellsMine, "update_of_another_version_conflicts"),
    (UpdateCreates, "update_creates_nothing"),
    (VersionsAreOfTheData, "versions_differ"),
    (LoadCuts, "too_large_a_record_is_told"),
    (LoadTellsTheBuffer, "too_large_a_record_is_told"),
    (HandlesLoseTheirFirstByte, "handles_are_apart"),
    (HandlesLoseTheirLastByte, "handles_are_apart"),
    (HandlesHave63Bits, "handles_are_apart"),
    (FullIsAnError, "full_changes_nothing"),
    (FullKeepsIt, "full_changes_nothing"),
    (FullTakesAPlace, "full_changes_nothing"),
    (FullIsAConflict, "full_changes_nothing"),
    (TooLargeIsAnError, "too_large_changes_nothing"),
    (TooLargeIsCut, "too_large_changes_nothing"),
    (TooLargeIsKept, "too_large_changes_nothing"),
    (TooLargeDropsTheOld, "too_large_changes_nothing"),
    (TooLargeTellsMore, "too_large_changes_nothing"),
    (DeleteIgnoresTheVersion, "delete_by_version"),
    (DeleteIgnoresTheLogin, "delete_by_login"),
    (LoginIsThatOfTheVersionCreated, "delete_by_login"),
    (LoginsHave31Bits, "delete_by_login"),
    (AnonymousHasNoLogin, "delete_by_login"),
    (DeleteInvents, "delete_is_idempotent"),
    (IdleIsIgnored, "expiry_to_the_millisecond"),
    (AbsoluteIsIgnored, "expiry_to_the_millisecond"),
    (OverOneMillisecondLate, "expiry_to_the_millisecond"),
    (OverOneMillisecondEarly, "expiry_to_the_millisecond"),
    (OverAtWholeSeconds, "expiry_to_the_millisecond"),
    (TooLargeEvenWhenOver, "expiry_to_the_millisecond"),
    (WithoutIdleLimitIsOver, "expiry_to_the_millisecond"),
    (CreateIsRefusedByTheDead, "create_takes_the_place_of_an_expired_one"),
    (TouchCreates, "touch_creates_nothing"),
    (TouchInvents, "touch_creates_nothing"),
    (TouchRevives, "touch_revives_nothing"),
    (TouchPutsOffTheEnd, "touch_moves_last_seen_forward_only"),
    (TouchDoesNothing, "touch_moves_last_seen_forward_only"),
    (TouchMovesBack, "touch_moves_last_seen_forward_only"),
    (TouchCounts, "touch_keeps_the_version"),
    (UpdateRevives, "update_after_expiry_is_missing"),
    (UpdateComparesBeforeItLooksAtTheEnd, "update_after_expiry_is_missing"),
    (UpdateMovesBack, "update_keeps_the_later_last_seen"),
    (UpdateKeepsTheOldLastSeen, "update_keeps_the_later_last_seen"),
    (UpdateKeepsTheOldLimits, "update_gives_the_new_limits"),
    (UpdateKeepsTheOldLogin, "update_gives_the_new_login"),
    (DeleteLeavesTheDead, "delete_asks_no_clock"),
    (CreateLooksThenWrites, "one_of_two_creates_wins"),
    (UpdateLooksThenWrites, "one_of_two_updates_wins"),
    (UpdateWritesWhatIsGone, "update_revives_nothing"),
    (UpdateWritesInTwoSteps, "a_dropped_update_is_old_or_new"),
    (ListShowsAnything, "an_unknown_subject_has_no_entries"),
    (ListIgnoresThePage, "entries_are_listed_in_order"),
    (ListIsUnordered, "entries_are_listed_in_order"),
    (AddTwice, "an_entry_is_there_once"),
    (AddKeepsTheOldLogin, "an_entry_is_there_once"),
    (AddTakesTheOlderLogin, "an_entry_is_there_once"),
    (AddIgnoresTheEpoch, "a_moved_epoch_refuses"),
    (BumpGoesByTheClockAlone, "every_move_gives_another_epoch"),
    (BumpForgetsTheLast, "every_move_gives_another_epoch"),
    (RemoveIgnoresTheLogin, "removed_entries_are_gone"),
    (SubjectsLoseTheirLastByte, "subjects_are_apart"),
    (CheckFails, "check_answers"),
    (NeverWaitsButAtLoads, "a_store_that_never_waits_is_ready_at_once"),
    (NeverWaitsButAtConflicts, "a_store_that_never_waits_is_ready_at_once"),
    (NeverWaitsButInTheIndex, "a_store_that_never_waits_is_ready_at_once"),
];

fn first_broken(store: &impl Store, seed: u64) -> Option<Broken> {
    run(suite(store, Time::from_millis(1_790_000_000_000), seed)).err()
}

#[test]
fn right_stores_pass_st11() {
    for way in RIGHT {
        let store = WrongStore::new(*way);
        for seed in 0..20 {
            assert_eq!(first_broken(&store, seed), None, "{way:?}, seed {seed}");
        }
    }
}

#[test]
fn wrong_stores_break_the_rule_of_their_mistake_st11() {
    for (way, rule) in WRONG {
        let broken = first_broken(&WrongStore::new(*way), 0);
        println!("{way:?}: {}", broken.map_or("nothing is broken".into(), |broken| broken.to_string()));
        for seed in 0..20 {
            let broken = first_broken(&WrongStore::new(*way), seed);
            assert_eq!(broken.map(|broken| broken.name), Some(*rule), "{way:?}, seed {seed}");
        }
    }
}

#[test]
fn end_all_of_a_store_that_never_waits_is_ready_at_once_st11() {
    let broken = |way| run(end_all_ends_all(&WrongStore::new(way), Time::from_millis(1_790_000_000_000), 0)).err();
    assert_eq!(broken(Plain), None);
    assert_eq!(broken(EveryCallWaits), None);
    assert_eq!(broken(NeverWaitsButAtEndAll).map(|broken| broken.name), Some("end_all_ends_all"));
}

#[test]
fn every_rule_is_needed_st11() {
    let rules: BTreeSet<_> = RULES.iter().map(|(name, ..)| *name).collect();
    let broken: BTreeSet<_> = WRONG.iter().map(|(_, rule)| *rule).collect();
    assert_eq!(rules.len(), RULES.len(), "a rule stands there twice");
    assert_eq!(rules.difference(&broken).collect::<Vec<_>>(), Vec::<&&str>::new(), "no wrong store breaks these");
}

#[test]
fn every_rule_names_its_requirement_st11() {
    for (name, requirement, sentence) in RULES {
        let number = requirement.strip_prefix("ST").or(requirement.strip_prefix("LC"));
        assert!(number.is_some_and(|number| number.parse::<u8>().is_ok()), "{name}");
        assert!(sentence.ends_with('.'), "{name}");
    }
}

#[test]
fn a_broken_rule_is_told_in_words_st11() {
    let broken = first_broken(&NullStore, 1).unwrap();
    assert_eq!((broken.rule, broken.name), ("ST1", "create_stores_the_bytes"));
    assert_eq!(broken.to_string(), format!("ST1 create_stores_the_bytes: {}", broken.sentence));
}
