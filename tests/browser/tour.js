// The scenario of the screenshots: five fictional dentists, one with failures, and a migration.

import { COUNTERS, MAPPING, WAITING, failuresOf, location, migration, minutes, overview, syncing } from "./scenarios.js";

export const LOCATIONS = { berlin: "loc_berlin", cologne: "loc_koeln", trial: "loc_trial" };

const MINUTE = 60_000;

const tally = (number) => ({ count: number, capped: false });

const FAILURES = [
  ["crm-1041", "REJECTED", 422, "email must be an email"],
  ["crm-1977", "REJECTED", 422, "phone must be in E.164 format"],
];

export const TOUR = {
  keyLocations: [LOCATIONS.berlin, LOCATIONS.cologne],
  overview: (now, started, failures) => overview(now, [
    syncing(now, LOCATIONS.berlin, { name: "Dental Care Berlin", failed: tally(failures.length) }),
    syncing(now, LOCATIONS.cologne, { name: "Praxis Köln", due: { ...tally(412), oldest_at: new Date(now - 40_000).toISOString() }, forecast: { empty_at: new Date(now + 44_000).toISOString(), seconds: 44, at_least: false } }),
    location(now, "loc_hamburg", { name: "Zahnärzte am Hafen", counters: COUNTERS, minutes: minutes(now, 55, 21, 300) }),
    location(now, LOCATIONS.trial, { name: "Trial", counters: COUNTERS, minutes: minutes(now, 40, 36, 120) }),
    location(now, "loc_old", { name: "Moved away", enabled: false }),
  ], { status: "degraded", reasons: [`${failures.length} records of ${LOCATIONS.berlin} have failed`] }),
  failures: (now) => failuresOf(now, FAILURES).map((failure) => ({ ...failure, name: "Ada Example" })),
  imports: (started) => [{
    id: "people-2026", name: "people-2026.csv", state: "complete", created_at: new Date(started - 40 * MINUTE).toISOString(), updated_at: new Date(started - 38 * MINUTE).toISOString(),
    finished_at: new Date(started - 38 * MINUTE).toISOString(), rows: 32, records: 30, problems: {}, files: ["people-2026.csv"],
    counts: { pending: tally(0), accepted: tally(28), failed: tally(2), other: tally(0) }, undo: null,
  }],
  migrations: (now) => [migration(now, "mig-19f2c3a4b5c-00c0ffee", { ...WAITING, source: LOCATIONS.trial, target: "loc_hamburg" })],
  // A font without emoji would not show it.
  mapping: { ...MAPPING, custom_fields: MAPPING.custom_fields.map((field) => (field.target.action === "create" ? { ...field, source_name: "Größe", target: { ...field.target, name: "Größe" } } : field)) },
};
