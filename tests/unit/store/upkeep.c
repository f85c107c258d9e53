/* upkeep.c - suggestions and decisions, whole clips, verification of spoilt projects, backups. */
#include "check.h"
#include "fixture.h"
#include "store/backup.h"
#include "store/verify.h"

#define SIDE 16

static uint8_t logits[3][SIDE * SIDE];

static void
fill_logits (void)
{
  uint64_t seed = 3;

  for (int i = 0; i < 3; i++)
    for (int k = 0; k < SIDE * SIDE; k++)
      logits[i][k] = (uint8_t) check_random (&seed);
}

static void
suggestions_are_kept_by_source (void)
{
  Fixture f;
  EmSuggestionRow rows[3]
      = { { 2, NULL, 0.5f, 1.5f }, { 10, NULL, 0.25f, -3 }, { 20, NULL, NAN, NAN } };
  int written;
  g_autoptr (GPtrArray) all = NULL, none = NULL;
  g_autoptr (EmDbSuggestion) one = NULL, newest = NULL, silent = NULL, missing = NULL;

  fixture_open (&f);
  fill_logits ();
  rows[0].logit_bytes = logits[0];
  rows[1].logit_bytes = logits[1];
  MUST (em_db_put_suggestions (f.db, f.clip, "a", "w", SIDE, rows, 3, &written, error));
  CHECK_INT (written, 3);
  rows[0].logit_bytes = logits[2]; /* what is there by source stays as it is */
  MUST (em_db_put_suggestions (f.db, f.clip, "a", "w", SIDE, rows, 3, &written, error));
  CHECK_INT (written, 0);
  MUST (em_db_put_suggestions (f.db, f.clip, "b", "w", SIDE, rows, 1, &written, error));
  CHECK_INT (written, 1);
  fixture_reopen (&f);
  MUST (one = em_db_suggestion (f.db, f.clip, 2, "a", error));
  CHECK (memcmp (one->logit_bytes, logits[0], sizeof logits[0]) == 0);
  CHECK_NEAR (one->score, 1.5, 0);
  CHECK (!one->is_decided);
  MUST (newest = em_db_suggestion (f.db, f.clip, 2, NULL, error));
  CHECK_TEXT (newest->source, "b");
  MUST (silent = em_db_suggestion (f.db, f.clip, 20, NULL, error));
  CHECK_INT (silent->side, 0);
  CHECK (!silent->logit_bytes);
  CHECK (!(missing = em_db_suggestion (f.db, f.clip, 3, NULL, NULL)));
  MUST (all = em_db_suggestions (f.db, f.clip, false, error));
  CHECK_INT (all->len, 4);
  CHECK (!((EmDbSuggestion *) all->pdata[0])->logit_bytes);
  MUST (em_db_drop_suggestions (f.db, f.clip, "a", error));
  MUST (none = em_db_suggestions (f.db, f.clip, true, error));
  CHECK_INT (none->len, 1);
  fixture_close (&f);
}

static void
logits_make_room_for_newer_ones (void)
{
  Fixture f;
  EmSuggestionRow row = { .logit_bytes = logits[0] };
  int written;

  fixture_open (&f);
  fill_logits ();
  for (int i = 0; i < 6; i++) {
    row.frame = i;
    MUST (em_db_put_suggestions (f.db, f.clip, "s", NULL, SIDE, &row, 1, NULL, error));
  }
  /* 300 MiB in the books, of at most 256. */
  fixture_sql (f.path, "UPDATE suggestion SET bytes = 50 << 20");
  fixture_reopen (&f);
  row.frame = 6;
  MUST (em_db_put_suggestions (f.db, f.clip, "s", NULL, SIDE, &row, 1, &written, error));
  CHECK_INT (written, 1);
  CHECK_INT (fixture_int (f.path, "SELECT count(*) FROM suggestion WHERE logits IS NULL"), 1);
  CHECK_INT (fixture_int (f.path, "SELECT frame FROM suggestion WHERE logits IS NULL"), 0);
  CHECK (fixture_int (f.path, "SELECT sum(bytes) FROM suggestion") <= 256 << 20);
  {
    g_autoptr (EmDbSuggestion) gone = NULL;

    MUST (gone = em_db_suggestion (f.db, f.clip, 0, "s", error));
    CHECK (gone->is_dropped && !gone->logit_bytes && gone->side == SIDE);
  }
  row.frame = 0; /* it may be asked again */
  MUST (em_db_put_suggestions (f.db, f.clip, "s", NULL, SIDE, &row, 1, &written, error));
  CHECK_INT (written, 1);
  fixture_close (&f);
}

static void
a_decision_is_a_step (void)
{
  Fixture f;
  EmSuggestionRow row = { .frame = 4, .logit_bytes = logits[0] };
  g_autoptr (EmEdit) e = em_edit_new (EM_STEP_ACCEPT);
  EmRle parts[2] = { some_mask (1), some_mask (2) };
  EmDbCandidate candidates[2] = { { &parts[0], 0 }, { &parts[1], 0 } };
  EmCellRow cell = EM_CELL_ROW_INIT;
  EmDbMove m;
  g_autoptr (EmDbSuggestion) decided = NULL, open = NULL;

  fixture_open (&f);
  fill_logits ();
  MUST (em_db_put_suggestions (f.db, f.clip, "s", "w", SIDE, &row, 1, NULL, error));
  candidates[0].object = cell.object = em_edit_new_object (e, NULL, 0, UINT32_MAX, -1);
  cell.frame = 4;
  cell.state = EM_STATE_KEYFRAME;
  cell.origin = EM_ORIGIN_AUDIO;
  cell.mask = &parts[0];
  em_edit_cell (e, &cell);
  em_edit_decide (e, 4, "s", EM_DECISION_PART, 0.5, candidates, 2);
  MUST (em_db_edit (f.db, f.clip, e, error));
  MUST (decided = em_db_suggestion (f.db, f.clip, 4, "s", error));
  CHECK (decided->is_decided && decided->decision == EM_DECISION_PART);
  /* Refused parts are kept with their runs: negative examples. */
  CHECK_INT (fixture_int (f.path, "SELECT json_extract(candidates, '$[0].object') FROM decision"),
             1);
  CHECK_INT (fixture_int (f.path, "SELECT json_extract(candidates, '$[1].object') IS NULL AND"
                                  " length(json_extract(candidates, '$[1].counts')) > 3"
                                  " FROM decision"),
             1);
  MUST (em_db_undo (f.db, f.clip, &m, error));
  MUST (open = em_db_suggestion (f.db, f.clip, 4, "s", error));
  CHECK (!open->is_decided && open->logit_bytes);
  em_rle_clear (&parts[0]);
  em_rle_clear (&parts[1]);
  fixture_close (&f);
}

static void
tracks_hold_what_was_asked_for (void)
{
  Fixture f;
  int64_t a, b;
  g_autoptr (EmEdit) e = em_edit_new (EM_STEP_REJECT), i = em_edit_new (EM_STEP_INTERVAL);
  EmCellRow row = EM_CELL_ROW_INIT;
  EmTracks *t, *few;

  fixture_open (&f);
  a = add_object (&f);
  b = add_object (&f);
  put (&f, EM_STEP_BRUSH, a, 3, EM_STATE_KEYFRAME, 1);
  put (&f, EM_STEP_TRACK, a, 4, EM_STATE_PROPAGATED, 2);
  put (&f, EM_STEP_BRUSH, b, 3, EM_STATE_APPROVED, 3);
  put (&f, EM_STEP_CLEAR, b, 4, EM_STATE_EMPTY, 0);
  put (&f, EM_STEP_BRUSH, b, 5, EM_STATE_CORRECTED, 5);
  put (&f, EM_STEP_BRUSH, a, 3, EM_STATE_KEYFRAME, 7); /* the track is older than this */
  row.object = b;
  row.frame = 5;
  row.state = EM_STATE_CORRECTED;
  row.rejected = true;
  row.made = made_at (&f, b, 5);
  em_edit_cell (e, &row);
  row.frame = 6;
  row.state = EM_STATE_ABSENT;
  row.rejected = false;
  row.made = 0;
  em_edit_cell (e, &row);
  MUST (em_db_edit (f.db, f.clip, e, error));
  em_edit_interval (i, 0, b, 0, 80000000, EM_ORIGIN_BRUSH, NAN, false);
  MUST (em_db_edit (f.db, f.clip, i, error));

  MUST (t = em_db_tracks (f.db, f.clip, EM_STATES_ALL, error));
  CHECK_TEXT (t->name, "clip");
  CHECK_INT (t->n_frames, FRAMES);
  CHECK_INT (t->pts_ns[3], 120000000);
  CHECK (t->has_sound && !t->media);
  CHECK_INT (t->n_objects, 2);
  CHECK_INT (t->objects[0].n_masks, 2);
  CHECK (em_track_object_at (&t->objects[0], 4)->stale);
  CHECK_INT (t->objects[1].n_masks, 2); /* not the cleared one, not the rejected one */
  CHECK_INT (em_rle_area (&em_track_object_at (&t->objects[1], 6)->mask), 0);
  CHECK_INT (em_tracks_sounding (t, b, 0, 1000000000), 80000000);
  {
    EmRle want = some_mask (3);

    CHECK (em_rle_equal (&em_track_object_at (&t->objects[1], 3)->mask, &want));
    em_rle_clear (&want);
  }
  em_tracks_free (t);
  {
    g_autoptr (GArray) cells = NULL;

    MUST (cells = em_db_lane_cells (f.db, f.clip, a, error));
    CHECK_INT (cells->len, 2);
    CHECK_INT (g_array_index (cells, EmDbLaneCell, 0).origin, EM_ORIGIN_BRUSH);
    CHECK (g_array_index (cells, EmDbLaneCell, 0).area > 0);
    CHECK (g_array_index (cells, EmDbLaneCell, 1).stale);
    g_clear_pointer (&cells, g_array_unref);
    MUST (cells = em_db_lane_cells (f.db, f.clip, b, error));
    CHECK_INT (g_array_index (cells, EmDbLaneCell, 1).area, -1); /* cleared: no mask */
  }
  MUST (few = em_db_tracks (f.db, f.clip, EM_STATES_PROTECTED, error));
  CHECK_INT (few->objects[0].n_masks, 1);
  em_tracks_free (few);
  fixture_close (&f);
}

/* Each fault, planted alone, is found and named. */
static void
verify_finds_planted_faults (void)
{
  static const struct {
    const char *sql, *words;
  } faults[] = {
    { "UPDATE clip SET head = 77", "its head 77" },
    { "UPDATE clip SET next_step = 2", "beyond the next free number" },
    { "UPDATE clip SET next_object = 1", "object 1 is beyond" },
    { "UPDATE step SET cut = 9, open = 1 WHERE n = 1", "cut and still open" },
    { "UPDATE cell SET frame = 400, made = NULL WHERE frame = 3", "frame 400" },
    { "UPDATE cell SET object = 9, made = NULL WHERE frame = 3", "never made" },
    { "UPDATE cell SET made = 999 WHERE frame = 3", "points at a mask" },
    { "UPDATE cell SET made = NULL WHERE frame = 3", "without a mask" },
    { "UPDATE cell SET step = 1 WHERE frame = 3", "counts before it was made" },
    { "UPDATE mask SET runs = x'3031' WHERE frame = 3", "does not decode" },
    { "UPDATE mask SET area = area + 1 WHERE frame = 3", "area or box" },
    { "UPDATE mask SET x = x + 1 WHERE frame = 3", "area or box" },
    { "UPDATE cell SET prompts = '{' WHERE frame = 3", "prompts of object 1" },
    { "UPDATE suggestion SET logits = x'00'", "does not decode" },
    { "UPDATE suggestion SET frame = -1", "frame -1" },
    { "UPDATE clip SET frames = x'0102'", "frame table" },
    { "UPDATE clip SET summary = '{}'", "summary" },
    { "INSERT INTO object SELECT clip, object, 55, name, class, color, position, locked, deleted"
      " FROM object",
      "points at a step" },
  };
  Fixture f;
  EmSuggestionRow row = { .frame = 4, .logit_bytes = logits[0] };
  g_autofree char *whole = NULL;
  gsize n;
  int64_t o;

  fixture_open (&f);
  fill_logits ();
  o = add_object (&f);
  put (&f, EM_STEP_BRUSH, o, 3, EM_STATE_KEYFRAME, 1);
  put (&f, EM_STEP_BRUSH, o, 4, EM_STATE_KEYFRAME, 2);
  MUST (em_db_put_suggestions (f.db, f.clip, "s", "w", SIDE, &row, 1, NULL, error));
  em_db_close (f.db);
  f.db = NULL;
  CHECK (g_file_get_contents (f.path, &whole, &n, NULL));
  for (size_t i = 0; i < G_N_ELEMENTS (faults); i++) {
    g_autoptr (EmDb) db = NULL;
    EmVerifyReport r;
    bool named = false;

    CHECK (g_file_set_contents (f.path, whole, (gssize) n, NULL));
    fixture_sql (f.path, faults[i].sql);
    MUST (db = em_db_open (f.path, EM_DB_READ, error));
    MUST (em_db_verify (db, &r, error));
    for (guint k = 0; k < r.faults->len; k++)
      named |= strstr (r.faults->pdata[k], faults[i].words) != NULL;
    if (!named)
      fprintf (stderr, "not found: %s (%s)\n", faults[i].sql,
               r.faults->len ? (char *) r.faults->pdata[0] : "nothing");
    CHECK (named);
    em_verify_report_clear (&r);
  }
  fixture_close (&f);
}

static int
count_copies (const char *folder)
{
  g_autoptr (GDir) dir = g_dir_open (folder, 0, NULL);
  const char *name;
  int n = 0;

  while (dir && (name = g_dir_read_name (dir))) {
    CHECK (g_str_has_suffix (name, ".earmark"));
    n++;
  }
  return n;
}

static void
backups_roll (void)
{
  Fixture f;
  g_autofree char *folder = NULL;
  int64_t o;
  EmBackup *b;

  fixture_open (&f);
  folder = g_build_filename (f.folder, "copies", NULL);
  o = add_object (&f);
  MUST (em_db_backup (f.db, folder, error));
  MUST (em_db_backup (f.db, folder, error)); /* the same commit: nothing to do */
  CHECK_INT (count_copies (folder), 1);
  for (unsigned i = 0; i < 8; i++) {
    put (&f, EM_STEP_BRUSH, o, 1, EM_STATE_KEYFRAME, i);
    g_usleep (2000);
    MUST (em_db_backup (f.db, folder, error));
  }
  CHECK_INT (count_copies (folder), 5);

  /* A page at a time, with edits in between: the copy is of one moment, and whole. */
  put (&f, EM_STEP_BRUSH, o, 2, EM_STATE_KEYFRAME, 90);
  MUST (b = em_backup_begin (f.db, folder, error));
  for (unsigned i = 0; em_backup_step (b, 3, NULL); i++)
    put (&f, EM_STEP_BRUSH, o, 3, EM_STATE_KEYFRAME, 100 + i);
  em_backup_end (b);
  CHECK_INT (count_copies (folder), 5);
  { /* an unfinished one leaves nothing */
    put (&f, EM_STEP_BRUSH, o, 2, EM_STATE_KEYFRAME, 91);
    MUST (b = em_backup_begin (f.db, folder, error));
    CHECK (em_backup_step (b, 1, NULL));
    em_backup_end (b);
    CHECK_INT (count_copies (folder), 5);
  }
  {
    g_autoptr (GDir) dir = g_dir_open (folder, 0, NULL);
    const char *name;

    while ((name = g_dir_read_name (dir))) {
      g_autofree char *path = g_build_filename (folder, name, NULL);
      g_autoptr (EmDb) copy = NULL;
      EmVerifyReport r;
      EmDbWriter w;

      MUST (copy = em_db_open (path, EM_DB_READ, error));
      MUST (em_db_writer (copy, &w, error));
      CHECK (!w.host); /* nobody holds it */
      em_db_writer_clear (&w);
      MUST (em_db_verify (copy, &r, error));
      CHECK_INT (r.faults->len, 0);
      em_verify_report_clear (&r);
    }
  }
  MUST_FAIL (em_db_backup (f.db, "/dev/null/x", error), EM_E_INPUT, "/dev/null/x");
  fixture_close (&f);
}

CHECK_MAIN (suggestions_are_kept_by_source, logits_make_room_for_newer_ones, a_decision_is_a_step,
            tracks_hold_what_was_asked_for, verify_finds_planted_faults, backups_roll)
