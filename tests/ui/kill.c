/* kill.c - the window at work until somebody kills it, and what must be left then.
 *
 *   kill work SEED            does random things to the demo for ever; every cell that the window
 *                             shows as done is a line "cell OBJECT FRAME STEP MADE" on stdout
 *   kill check PROJECT LOG    the project opens, is whole, and holds every cell of the log */
#include "drive.h"
#include <sqlite3.h>
#include <stdio.h>
#include "store/verify.h"

static GHashTable *told; /* lines that are out */

static void
tell (EmClip *clip)
{
  GListModel *objects = em_clip_get_objects (clip);

  for (guint i = 0; i < g_list_model_get_n_items (objects); i++) {
    g_autoptr (EmObject) object = g_list_model_get_item (objects, i);

    for (int f = 0; f < em_object_n_frames (object); f++) {
      const EmCell *cell = em_object_cell (object, f);
      g_autofree char *line = NULL;

      if (!cell->exists)
        continue;
      line = g_strdup_printf ("cell %" G_GINT64_FORMAT " %d %" G_GINT64_FORMAT " %" G_GINT64_FORMAT,
                              em_object_get_id (object), f, cell->step, cell->made);
      if (g_hash_table_add (told, g_strdup (line)))
        printf ("%s\n", line);
    }
  }
  fflush (stdout);
}

static void
try_act (EmWindow *window, const char *action)
{
  if (drive_can (window, action))
    gtk_widget_activate_action (GTK_WIDGET (window), action, NULL);
}

/* Nothing waits for the thing before: that is how people work, and how things meet. */
static void
one_thing (EmWindow *window, GRand *dice)
{
  EmClip *clip = em_window_get_clip (window);
  int w = em_clip_get_width (clip), h = em_clip_get_height (clip);

  switch (g_rand_int_range (dice, 0, 14)) {
  case 0:
  case 1:
    em_clip_seek (clip, g_rand_int_range (dice, 0, em_clip_get_n_frames (clip)));
    break;
  case 2:
    try_act (window, "win.suggest");
    break;
  case 3:
    try_act (window, "win.accept");
    break;
  case 4:
    try_act (window, "win.refuse");
    break;
  case 5:
  case 6:
    drive_click (window, g_rand_boolean (dice) ? EM_BUTTON_PRIMARY : EM_BUTTON_SECONDARY,
                 g_rand_int_range (dice, 0, w), g_rand_int_range (dice, 0, h));
    break;
  case 7:
    drive_drag (window, g_rand_int_range (dice, 0, w), g_rand_int_range (dice, 0, h),
                g_rand_int_range (dice, 0, w), g_rand_int_range (dice, 0, h));
    break;
  case 8:
  case 9:
    try_act (window, "win.track");
    break;
  case 10:
    try_act (window, "win.undo");
    break;
  case 11:
    try_act (window, "win.redo");
    break;
  case 12:
    try_act (window, "win.absent");
    break;
  default:
    try_act (window, g_rand_int_range (dice, 0, 4) ? "win.approve" : "win.new-object");
  }
}

static void G_GNUC_NORETURN
work (const char *seed)
{
  g_autoptr (GRand) dice = g_rand_new_with_seed ((guint32) atoi (seed));
  EmApplication *app = drive_start ();
  EmWindow *window = drive_window (app);

  told = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
  drive_open (window, NULL);
  printf ("project %s\n", em_project_get_path (em_window_get_project (window)));
  tell (em_window_get_clip (window)); /* what an earlier life left counts too */
  g_signal_connect (em_window_get_clip (window), "lanes-changed", G_CALLBACK (tell), NULL);
  printf ("working\n");
  fflush (stdout);
  for (;;) {
    one_thing (window, dice);
    drive_pause (g_rand_int_range (dice, 5, 400));
  }
}

static int
count (sqlite3 *db, const char *sql, int64_t a, int64_t b, int64_t c)
{
  sqlite3_stmt *statement;
  int n = -1;

  g_assert_cmpint (sqlite3_prepare_v2 (db, sql, -1, &statement, NULL), ==, SQLITE_OK);
  sqlite3_bind_int64 (statement, 1, a);
  sqlite3_bind_int64 (statement, 2, b);
  sqlite3_bind_int64 (statement, 3, c);
  if (sqlite3_step (statement) == SQLITE_ROW)
    n = sqlite3_column_int (statement, 0);
  sqlite3_finalize (statement);
  return n;
}

static int
check (const char *project, const char *log)
{
  g_autofree char *text = NULL;
  g_auto (GStrv) lines = NULL;
  g_autoptr (GError) error = NULL;
  EmVerifyReport report = { 0 };
  EmDb *db = em_db_open (project, EM_DB_WRITE, &error); /* the lock of the dead one is free */
  sqlite3 *sql;
  int bad = 0, n = 0;

  g_assert_no_error (error);
  g_assert_true (em_db_verify (db, &report, &error));
  for (guint i = 0; i < report.faults->len; i++, bad++)
    fprintf (stderr, "%s\n", (char *) report.faults->pdata[i]);
  em_verify_report_clear (&report);
  em_db_close (db);
  g_assert_cmpint (sqlite3_open_v2 (project, &sql, SQLITE_OPEN_READONLY, NULL), ==, SQLITE_OK);
  g_assert_true (g_file_get_contents (log, &text, NULL, NULL));
  lines = g_strsplit (text, "\n", -1);
  for (int i = 0; lines[i] && lines[i + 1]; i++) { /* the last may be cut off */
    gint64 object, step, made;
    int frame;

    if (sscanf (lines[i], "cell %" G_GINT64_FORMAT " %d %" G_GINT64_FORMAT " %" G_GINT64_FORMAT,
                &object, &frame, &step, &made)
        != 4)
      continue;
    n++;
    if (count (sql, "SELECT count(*) FROM cell WHERE object = ? AND frame = ? AND step = ?", object,
               frame, step)
            != 1
        || (made > 0
            && count (sql, "SELECT count(*) FROM mask WHERE object = ? AND frame = ? AND made = ?",
                      object, frame, made)
                   != 1)) {
      fprintf (stderr, "missing: %s\n", lines[i]);
      bad++;
    }
  }
  sqlite3_close (sql);
  printf ("%d confirmed cells are there, %d faults\n", n - bad, bad);
  return bad > 0;
}

int
main (int argc, char **argv)
{
  if (argc == 3 && g_str_equal (argv[1], "work"))
    work (argv[2]);
  if (argc == 4 && g_str_equal (argv[1], "check"))
    return check (argv[2], argv[3]);
  return 2;
}
