/* steps.c - edits, undo and redo, tracks and clicks. */
#include "check.h"
#include "fixture.h"
#include "store/prompt_json.h"
#include "store/verify.h"

static void
verify (Fixture *f)
{
  EmVerifyReport r;

  MUST (em_db_verify (f->db, &r, error));
  for (guint i = 0; i < r.faults->len; i++)
    fprintf (stderr, "verify: %s\n", (char *) r.faults->pdata[i]);
  CHECK_INT (r.faults->len, 0);
  em_verify_report_clear (&r);
}

static void
check_mask (Fixture *f, int64_t object, int frame, unsigned seed)
{
  EmRle got = clip_mask (f->db, f->clip, object, frame), want = some_mask (seed);

  CHECK (em_rle_equal (&got, &want));
  em_rle_clear (&got);
  em_rle_clear (&want);
}

static int64_t
undo (Fixture *f)
{
  EmDbMove m;

  MUST (em_db_undo (f->db, f->clip, &m, error));
  return m.step;
}

static int64_t
redo (Fixture *f)
{
  EmDbMove m;

  MUST (em_db_redo (f->db, f->clip, &m, error));
  return m.step;
}

static void
undo_and_redo_walk_over_steps (void)
{
  Fixture f;
  int64_t o, first, second;
  EmDbMove m;

  fixture_open (&f);
  CHECK_INT (undo (&f), 0);
  CHECK_INT (redo (&f), 0);
  o = add_object (&f);
  first = put (&f, EM_STEP_BRUSH, o, 5, EM_STATE_KEYFRAME, 1);
  second = put (&f, EM_STEP_BRUSH, o, 5, EM_STATE_KEYFRAME, 2);
  check_mask (&f, o, 5, 2);

  MUST (em_db_undo (f.db, f.clip, &m, error));
  CHECK_INT (m.step, second);
  CHECK_INT (m.kind, EM_STEP_BRUSH);
  CHECK_INT (m.object, o);
  CHECK_INT (m.frame, 5);
  check_mask (&f, o, 5, 1);
  CHECK_INT (undo (&f), first);
  CHECK_INT (state_at (&f, o, 5), -1);
  fixture_reopen (&f); /* the history is still there */
  CHECK_INT (redo (&f), first);
  check_mask (&f, o, 5, 1);
  CHECK_INT (redo (&f), second);
  CHECK_INT (redo (&f), 0);
  check_mask (&f, o, 5, 2);
  undo (&f);
  undo (&f);
  CHECK_INT (undo (&f), 1); /* the object itself */
  CHECK_INT (undo (&f), 0);
  verify (&f);
  fixture_close (&f);
}

static void
a_new_edit_cuts_what_was_undone (void)
{
  Fixture f;
  int64_t o, lost, kept;
  g_autoptr (GPtrArray) steps = NULL;
  g_autoptr (GArray) versions = NULL;

  fixture_open (&f);
  o = add_object (&f);
  put (&f, EM_STEP_BRUSH, o, 5, EM_STATE_KEYFRAME, 1);
  lost = put (&f, EM_STEP_BRUSH, o, 5, EM_STATE_KEYFRAME, 2);
  undo (&f);
  kept = put (&f, EM_STEP_BRUSH, o, 5, EM_STATE_KEYFRAME, 3);
  CHECK (kept > lost);
  CHECK_INT (redo (&f), 0);
  check_mask (&f, o, 5, 3);
  undo (&f);
  check_mask (&f, o, 5, 1); /* not the cut one */
  redo (&f);

  MUST (steps = em_db_steps (f.db, f.clip, error));
  CHECK_INT (steps->len, 4);
  CHECK_INT (((EmDbStep *) steps->pdata[2])->cut, kept);
  /* The cut mask is still in the history, and can be taken back. */
  MUST (versions = em_db_history (f.db, f.clip, o, 5, error));
  CHECK_INT (versions->len, 3);
  CHECK (g_array_index (versions, EmDbVersion, 1).is_cut);
  CHECK (g_array_index (versions, EmDbVersion, 0).is_now);
  {
    g_autoptr (EmEdit) e = em_edit_new (EM_STEP_RESTORE);
    EmCellRow row = EM_CELL_ROW_INIT;

    row.object = o;
    row.frame = 5;
    row.state = EM_STATE_CORRECTED;
    row.made = lost;
    em_edit_cell (e, &row);
    MUST (em_db_edit (f.db, f.clip, e, error));
  }
  check_mask (&f, o, 5, 2);
  CHECK_INT (fixture_int (f.path, "SELECT count(*) FROM mask"), 3); /* pixels are stored once */
  verify (&f);
  fixture_close (&f);
}

static void
a_track_is_one_step_and_spares_what_is_protected (void)
{
  Fixture f;
  int64_t o, locked, track;
  int written;
  g_autoptr (EmEdit) start = em_edit_new (EM_STEP_TRACK);
  static const EmState states[] = { EM_STATE_KEYFRAME, EM_STATE_CORRECTED, EM_STATE_ABSENT,
                                    EM_STATE_APPROVED, EM_STATE_IMPORTED,  EM_STATE_PROPAGATED };

  fixture_open (&f);
  o = add_object (&f);
  locked = add_object (&f);
  for (int i = 0; i < 6; i++)
    put (&f, EM_STEP_BRUSH, o, 10 + i, states[i], 100 + (unsigned) i);
  {
    g_autoptr (EmEdit) e = em_edit_new (EM_STEP_LOCK);
    EmDbObject row
        = { .id = locked, .name = (char *) "held", .color = 1, .position = 1, .is_locked = true };

    em_edit_object (e, &row);
    MUST (em_db_edit (f.db, f.clip, e, error));
  }
  em_edit_set_open (start);
  em_edit_set_request (start, "{\"first\":0}");
  MUST (track = em_db_edit (f.db, f.clip, start, error));
  for (int i = 0; i < FRAMES; i++) {
    g_autoptr (EmEdit) rows = track_rows (o, i, i, 1000);
    bool is_protected = i >= 10 && i < 14;

    MUST (em_db_append (f.db, f.clip, track, rows, &written, error));
    CHECK_INT (written, !is_protected);
  }
  {
    g_autoptr (EmEdit) rows = track_rows (locked, 3, 5, 1000);

    MUST (em_db_append (f.db, f.clip, track, rows, &written, error));
    CHECK_INT (written, 0);
  }
  MUST (em_db_close_step (f.db, f.clip, track, error));
  for (int i = 0; i < 4; i++) {
    CHECK_INT (state_at (&f, o, 10 + i), states[i]);
    check_mask (&f, o, 10 + i, 100 + (unsigned) i);
  }
  CHECK_INT (state_at (&f, o, 14), EM_STATE_PROPAGATED);
  check_mask (&f, o, 14, 1014);
  verify (&f);
  CHECK_INT (undo (&f), track);
  CHECK_INT (state_at (&f, o, 0), -1);
  CHECK_INT (state_at (&f, o, 14), EM_STATE_IMPORTED);
  check_mask (&f, o, 14, 104);
  check_mask (&f, o, 15, 105);
  CHECK_INT (redo (&f), track);
  check_mask (&f, o, 15, 1015);
  verify (&f);
  fixture_close (&f);
}

static void
a_track_ends_when_its_step_is_closed_undone_or_cut (void)
{
  Fixture f;
  int64_t o, track;

  fixture_open (&f);
  o = add_object (&f);
  for (int way = 0; way < 3; way++) {
    g_autoptr (EmEdit) start = em_edit_new (EM_STEP_TRACK), rows = track_rows (o, 3, 3, 7);
    g_autoptr (EmEdit) late = track_rows (o, 4, 4, 7);

    em_edit_set_open (start);
    MUST (track = em_db_edit (f.db, f.clip, start, error));
    MUST (em_db_append (f.db, f.clip, track, rows, NULL, error));
    if (way == 0)
      MUST (em_db_close_step (f.db, f.clip, track, error));
    else
      CHECK_INT (undo (&f), track);
    if (way == 2)
      put (&f, EM_STEP_BRUSH, o, 20, EM_STATE_KEYFRAME, 9);
    MUST_FAIL (em_db_append (f.db, f.clip, track, late, NULL, error), EM_E_CANCELLED, "undone");
    CHECK_INT (state_at (&f, o, 4), -1);
    if (way == 1) { /* redo brings the frames back, not the job */
      CHECK_INT (redo (&f), track);
      CHECK_INT (state_at (&f, o, 3), EM_STATE_PROPAGATED);
      MUST_FAIL (em_db_append (f.db, f.clip, track, late, NULL, error), EM_E_CANCELLED, "undone");
    }
  }
  MUST (em_db_close_step (f.db, f.clip, track, error)); /* again: no harm */
  verify (&f);
  fixture_close (&f);
}

static void
edits_go_on_above_an_open_step (void)
{
  Fixture f;
  int64_t o, track, above;
  int written;
  g_autoptr (EmEdit) start = em_edit_new (EM_STEP_TRACK), first = NULL, rest = NULL;
  g_autoptr (GPtrArray) open = NULL;

  fixture_open (&f);
  o = add_object (&f);
  em_edit_set_open (start);
  em_edit_set_request (start, "{\"to\":9}");
  MUST (track = em_db_edit (f.db, f.clip, start, error));
  first = track_rows (o, 0, 4, 50);
  MUST (em_db_append (f.db, f.clip, track, first, &written, error));
  CHECK_INT (written, 5);
  above = put (&f, EM_STEP_CLEAR, o, 6, EM_STATE_EMPTY, 0);
  put (&f, EM_STEP_BRUSH, o, 7, EM_STATE_KEYFRAME, 60);
  rest = track_rows (o, 3, 9, 50);
  MUST (em_db_append (f.db, f.clip, track, rest, &written, error));
  CHECK_INT (written, 3); /* 5, 8, 9: 3 and 4 are there, 6 and 7 were decided above */
  CHECK_INT (state_at (&f, o, 6), EM_STATE_EMPTY);
  CHECK_INT (state_at (&f, o, 7), EM_STATE_KEYFRAME);

  fixture_reopen (&f); /* the job is offered again */
  MUST (open = em_db_open_steps (f.db, error));
  CHECK_INT (open->len, 1);
  CHECK_INT (((EmDbStep *) open->pdata[0])->step, track);
  CHECK_TEXT (((EmDbStep *) open->pdata[0])->request, "{\"to\":9}");
  undo (&f);
  CHECK_INT (undo (&f), above);
  CHECK_INT (state_at (&f, o, 6), -1);
  CHECK_INT (undo (&f), track);
  CHECK_INT (state_at (&f, o, 0), -1);
  verify (&f);
  fixture_close (&f);
}

static void
a_click_is_saved_before_its_mask (void)
{
  Fixture f;
  int64_t o, step;
  g_autoptr (EmEdit) e = em_edit_new (EM_STEP_PROMPT);
  EmPromptSet set = { .n = 1, .items = { { EM_PROMPT_POSITIVE, 3, 4 } }, .sound = true };
  g_autofree char *json = em_prompts_to_json (&set, 0);
  EmCellRow row = EM_CELL_ROW_INIT;
  EmRle mask = some_mask (77);
  bool written;
  g_autoptr (GPtrArray) pending = NULL;

  fixture_open (&f);
  o = add_object (&f);
  row.object = o;
  row.frame = 8;
  row.state = EM_STATE_KEYFRAME;
  row.prompts = json;
  row.pending = true;
  em_edit_cell (e, &row);
  MUST (step = em_db_edit (f.db, f.clip, e, error));
  CHECK_INT (made_at (&f, o, 8), 0);
  fixture_reopen (&f); /* and is decoded again after a crash */
  MUST (pending = em_db_pending (f.db, f.clip, error));
  CHECK_INT (pending->len, 1);
  CHECK_TEXT (((EmDbCell *) pending->pdata[0])->prompts, json);

  row.mask = &mask;
  row.origin = EM_ORIGIN_PROMPT;
  MUST (em_db_fill_pending (f.db, f.clip, step, &row, &written, error));
  CHECK (written);
  check_mask (&f, o, 8, 77);
  MUST (em_db_fill_pending (f.db, f.clip, step, &row, &written, error));
  CHECK (!written); /* twice is once */
  CHECK_INT (undo (&f), step);
  CHECK_INT (state_at (&f, o, 8), -1);
  MUST (em_db_fill_pending (f.db, f.clip, step, &row, &written, error));
  CHECK (!written);
  CHECK_INT (redo (&f), step);
  check_mask (&f, o, 8, 77);
  verify (&f);

  { /* undone before its mask came: the mask is dropped, the click can be redone */
    g_autoptr (EmEdit) again = em_edit_new (EM_STEP_PROMPT);

    row.mask = NULL;
    row.made = step;
    em_edit_cell (again, &row);
    MUST (step = em_db_edit (f.db, f.clip, again, error));
    undo (&f);
    row.mask = &mask;
    MUST (em_db_fill_pending (f.db, f.clip, step, &row, &written, error));
    CHECK (!written);
    redo (&f);
    MUST (em_db_fill_pending (f.db, f.clip, step, &row, &written, error));
    CHECK (written);
  }
  em_rle_clear (&mask);
  verify (&f);
  fixture_close (&f);
}

static void
automatic_edits_spare_protected_cells (void)
{
  Fixture f;
  int64_t o;
  g_autoptr (EmEdit) e = NULL;

  fixture_open (&f);
  o = add_object (&f);
  put (&f, EM_STEP_BRUSH, o, 5, EM_STATE_KEYFRAME, 1);
  e = track_rows (o, 4, 6, 300);
  em_edit_spare_protected (e);
  MUST (em_db_edit (f.db, f.clip, e, error));
  CHECK_INT (em_edit_written (e), 2);
  check_mask (&f, o, 5, 1);
  check_mask (&f, o, 6, 306);
  fixture_close (&f);
}

static void
objects_keep_their_numbers (void)
{
  Fixture f;
  int64_t a, b, c, class_id;
  g_autoptr (GPtrArray) objects = NULL;
  g_autoptr (EmEdit) two = em_edit_new (EM_STEP_ACCEPT);
  EmRle mask = some_mask (3);

  fixture_open (&f);
  MUST (class_id = em_db_class (f.db, "violin", error));
  a = add_object (&f);
  b = add_object (&f);
  undo (&f);
  c = add_object (&f); /* b's number is not used again */
  CHECK_INT (a, 1);
  CHECK_INT (b, 2);
  CHECK_INT (c, 3);
  {
    int64_t x = em_edit_new_object (two, "Left", class_id, 0xff0000, -1);
    int64_t y = em_edit_new_object (two, NULL, 0, UINT32_MAX, -1);
    EmCellRow row = EM_CELL_ROW_INIT;

    row.frame = 1;
    row.state = EM_STATE_KEYFRAME;
    row.mask = &mask;
    row.object = y;
    em_edit_cell (two, &row);
    em_edit_interval (two, 0, x, 10, 20, EM_ORIGIN_BRUSH, NAN, false);
    em_edit_set_focus (two, y, 1);
    MUST (em_db_edit (f.db, f.clip, two, error));
    CHECK_INT (em_edit_object_id (two, x), 4);
    CHECK_INT (em_edit_object_id (two, y), 5);
  }
  check_mask (&f, 5, 1, 3);
  MUST (objects = em_db_objects (f.db, f.clip, true, error));
  CHECK_INT (objects->len, 4);
  CHECK_TEXT (((EmDbObject *) objects->pdata[2])->name, "Left");
  CHECK_INT (((EmDbObject *) objects->pdata[2])->class_id, class_id);
  CHECK_TEXT (((EmDbObject *) objects->pdata[3])->name, "Object 5");
  {
    g_autoptr (EmEdit) e = em_edit_new (EM_STEP_DELETE_OBJECT);
    EmDbObject row = *(EmDbObject *) objects->pdata[3];
    g_autoptr (GPtrArray) left = NULL, cells = NULL;

    row.is_deleted = true;
    em_edit_object (e, &row);
    MUST (em_db_edit (f.db, f.clip, e, error));
    MUST (left = em_db_objects (f.db, f.clip, false, error));
    CHECK_INT (left->len, 3);
    MUST (cells = em_db_cells_at (f.db, f.clip, 1, error));
    CHECK_INT (cells->len, 0);
    undo (&f);
    check_mask (&f, 5, 1, 3);
  }
  em_rle_clear (&mask);
  verify (&f);
  fixture_close (&f);
}

static void
intervals_have_a_history_too (void)
{
  Fixture f;
  int64_t o;
  g_autoptr (EmEdit) make = em_edit_new (EM_STEP_INTERVAL), drag = em_edit_new (EM_STEP_INTERVAL);
  g_autoptr (EmEdit) drop = em_edit_new (EM_STEP_INTERVAL);
  g_autoptr (GArray) now = NULL, gone = NULL, before = NULL;

  fixture_open (&f);
  o = add_object (&f);
  em_edit_interval (make, 0, o, 100, 200, EM_ORIGIN_BRUSH, NAN, false);
  em_edit_interval (make, 0, o, 300, 400, EM_ORIGIN_AUDIO, 0.5f, false);
  MUST (em_db_edit (f.db, f.clip, make, error));
  em_edit_interval (drag, 1, o, 150, 200, EM_ORIGIN_BRUSH, NAN, false);
  MUST (em_db_edit (f.db, f.clip, drag, error));
  MUST (now = em_db_intervals (f.db, f.clip, error));
  CHECK_INT (now->len, 2);
  CHECK_INT (g_array_index (now, EmDbInterval, 0).start_ns, 150);
  CHECK_NEAR (g_array_index (now, EmDbInterval, 1).confidence, 0.5, 0);
  em_edit_interval (drop, 1, o, 150, 200, EM_ORIGIN_BRUSH, NAN, true);
  MUST (em_db_edit (f.db, f.clip, drop, error));
  MUST (gone = em_db_intervals (f.db, f.clip, error));
  CHECK_INT (gone->len, 1);
  undo (&f);
  undo (&f);
  MUST (before = em_db_intervals (f.db, f.clip, error));
  CHECK_INT (g_array_index (before, EmDbInterval, 0).start_ns, 100);
  verify (&f);
  fixture_close (&f);
}

static void
the_log_keeps_everything_in_order (void)
{
  static const char *const kinds[] = { "new object", "brush", "prompt", "undo", "redo", "hover" };
  Fixture f;
  int64_t o;
  g_autoptr (EmEdit) e = em_edit_new (EM_STEP_PROMPT);
  g_autoptr (GPtrArray) lines = NULL;
  EmCellRow row = EM_CELL_ROW_INIT;

  fixture_open (&f);
  o = add_object (&f);
  put (&f, EM_STEP_BRUSH, o, 2, EM_STATE_KEYFRAME, 1);
  row.object = o;
  row.frame = 2;
  row.state = EM_STATE_KEYFRAME;
  row.prompts = "{\"sound\":false,\"mix\":\"joint\",\"prompts\":[]}";
  row.made = 2;
  em_edit_cell (e, &row);
  MUST (em_db_edit (f.db, f.clip, e, error));
  undo (&f);
  redo (&f);
  MUST (em_db_log (f.db, f.clip, "hover", o, 2, "{}", error));
  MUST (lines = em_db_log_lines (f.db, f.clip, error));
  CHECK_INT (lines->len, G_N_ELEMENTS (kinds));
  for (guint i = 0; i < lines->len && i < G_N_ELEMENTS (kinds); i++)
    CHECK_TEXT (((EmDbLogLine *) lines->pdata[i])->kind, kinds[i]);
  CHECK_TEXT (((EmDbLogLine *) lines->pdata[2])->detail, row.prompts);
  fixture_close (&f);
}

static void
prompts_survive_their_json (void)
{
  EmPromptSet set = { .n = 3, .sound = true, .mix = EM_MIX_ENSEMBLE }, back;
  int64_t base;
  static const char *const bad[]
      = { "",
          "{",
          "[]",
          "{\"mix\":\"joint\"}",
          "{\"mix\":\"both\",\"prompts\":[]}",
          "{\"mix\":\"joint\",\"prompts\":[{\"kind\":\"point\",\"x\":1,\"y\":2}]}",
          "{\"mix\":\"joint\",\"prompts\":[{\"kind\":\"point\",\"x\":1e9,\"y\":2,\"label\":1}]}",
          "{\"mix\":\"joint\",\"prompts\":[{\"kind\":\"oval\",\"x\":1,\"y\":2}]}" };

  set.items[0] = (EmPrompt){ EM_PROMPT_POSITIVE, 0.1f, 1e-3f };
  set.items[1] = (EmPrompt){ EM_PROMPT_BOX, 1, 2, 3.3333333f, 1919.5f };
  set.items[2] = (EmPrompt){ EM_PROMPT_NEGATIVE, -4, 16777217.f / 3 };
  set.items[2].y0 = 700000.0625f;
  {
    g_autofree char *json = em_prompts_to_json (&set, 12);

    CHECK (strstr (json, "\"x\":0.1,"));
    CHECK (strstr (json, "\"base\":12"));
    MUST (em_prompts_from_json (json, &back, &base, error));
  }
  CHECK_INT (base, 12);
  CHECK_INT (back.n, 3);
  CHECK (back.sound && back.mix == EM_MIX_ENSEMBLE && !back.base);
  CHECK (memcmp (back.items, set.items, 3 * sizeof *set.items) == 0);
  for (size_t i = 0; i < G_N_ELEMENTS (bad); i++)
    MUST_FAIL (em_prompts_from_json (bad[i], &back, &base, error), EM_E_INPUT, "prompts");
}

static void
mistakes_are_told_and_change_nothing (void)
{
  Fixture f;
  int64_t o;
  EmRle small = em_rle_new (3, 3), mask = some_mask (1);
  EmCellRow row = EM_CELL_ROW_INIT;

  fixture_open (&f);
  o = add_object (&f);
  row.state = EM_STATE_KEYFRAME;
  for (int i = 0; i < 4; i++) {
    g_autoptr (EmEdit) e = em_edit_new (EM_STEP_BRUSH);

    row.object = i == 0 ? 99 : o;
    row.frame = i == 1 ? FRAMES : 0;
    row.mask = i == 2 ? &small : &mask;
    em_edit_cell (e, &row);
    CHECK (!em_db_edit (f.db, i == 3 ? 5 : f.clip, e, NULL));
    CHECK (!em_db_may_retry (f.db));
  }
  CHECK_INT (fixture_int (f.path, "SELECT count(*) FROM step"), 1);
  CHECK_INT (fixture_int (f.path, "SELECT count(*) FROM cell"), 0);
  em_rle_clear (&small);
  em_rle_clear (&mask);
  verify (&f);
  fixture_close (&f);
}

CHECK_MAIN (undo_and_redo_walk_over_steps, a_new_edit_cuts_what_was_undone,
            a_track_is_one_step_and_spares_what_is_protected,
            a_track_ends_when_its_step_is_closed_undone_or_cut, edits_go_on_above_an_open_step,
            a_click_is_saved_before_its_mask, automatic_edits_spare_protected_cells,
            objects_keep_their_numbers, intervals_have_a_history_too,
            the_log_keeps_everything_in_order, prompts_survive_their_json,
            mistakes_are_told_and_change_nothing)
