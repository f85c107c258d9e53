/* engine.c - the engine against predictors used by hand, and what cancelling and overtaking keep.
 */
#include "../media/clips.h"
#include "../predict/tiny.h"
#include "check.h"
#include "service/clip_source.h"
#include "service/em-engine.h"
#include "until.h"

typedef struct {
  EmEngine *engine;
  Tiny tiny; /* the same weights by hand */
  char *package;
} World;

static World world;

/* An answer of any kind, as it arrives. */
typedef struct {
  int n;      /* how often the callback came */
  int status; /* EM_OK or the error's */
  char *text;
  EmDecoded *decoded;
  GPtrArray *suggestions;
  int n_done;
} Got;

static void
got_clear (Got *g)
{
  g_free (g->text);
  g_clear_pointer (&g->decoded, em_decoded_unref);
  g_clear_pointer (&g->suggestions, g_ptr_array_unref);
  *g = (Got){ 0 };
}

static void
take (Got *g, GError *error)
{
  g->n++;
  g->status = error ? error->code : EM_OK;
  CHECK (!error || error->domain == EM_ERROR);
  g->text = g_strdup (error ? error->message : "");
  g_clear_error (&error);
}

static void
loaded_cb (GObject *source, GAsyncResult *result, gpointer data)
{
  GError *error = NULL;

  em_engine_load_finish (EM_ENGINE (source), result, &error);
  take (data, error);
}

static void
decoded_cb (GObject *source, GAsyncResult *result, gpointer data)
{
  GError *error = NULL;

  ((Got *) data)->decoded = em_engine_decode_finish (EM_ENGINE (source), result, &error);
  take (data, error);
}

static void
suggested_cb (GObject *source, GAsyncResult *result, gpointer data)
{
  GError *error = NULL;

  ((Got *) data)->suggestions = em_engine_suggest_finish (EM_ENGINE (source), result, &error);
  take (data, error);
}

static void
tracked_cb (GObject *source, GAsyncResult *result, gpointer data)
{
  GError *error = NULL;

  em_engine_track_finish (EM_ENGINE (source), result, &((Got *) data)->n_done, &error);
  take (data, error);
}

/* A clip in the engine and the same clip by hand. */
typedef struct {
  guint id;
  EmFrameIndex *index;
  EmAudio *audio;
  EmMediaSource *media;
  EmPredictor *by_hand;
} Clip;

static bool
clip_open (Clip *c, const char *kind)
{
  const char *path = clip (kind);
  EmPredictorOptions options = em_predictor_defaults ();
  EmError err = EM_ERROR_INIT;
  g_autoptr (EmDecoder) decoder = NULL;

  *c = (Clip){ 0 };
  if (!path)
    return false;
  c->index = open_index (path);
  MUST (c->audio = em_audio_load (c->index, path, 0, NULL, &error));
  decoder = open_decoder (c->index, path);
  c->media = em_media_source_new (decoder, c->audio, 0.5);
  c->by_hand = em_predictor_open (world.tiny.model, &c->media->source, &options, &err);
  c->id = em_engine_open_clip (world.engine, c->index, path, c->audio, 0.5);
  return true;
}

static void
clip_close (Clip *c)
{
  em_engine_close_clip (world.engine, c->id);
  em_predictor_close (c->by_hand);
  em_media_source_free (c->media);
  g_object_unref (c->index);
  g_object_unref (c->audio);
}

static EmPromptSet
a_click (float x, float y)
{
  return (EmPromptSet){ .n = 1, .items = { { EM_PROMPT_POSITIVE, x, y } } };
}

static EmRle
a_square (const Clip *c, int x0, int y0, int side)
{
  g_autofree uint8_t *pixels
      = g_malloc0 ((gsize) c->media->source.width * (gsize) c->media->source.height);

  for (int y = y0; y < y0 + side; y++)
    for (int x = x0; x < x0 + side; x++)
      pixels[y * c->media->source.width + x] = 1;
  return em_rle_encode (pixels, c->media->source.width, c->media->source.height);
}

static void
check_loading (void)
{
  EmPromptSet set = a_click (30, 30);
  gboolean is_loaded, reads = FALSE;
  Got got = { 0 };
  Clip c;

  CHECK (!em_engine_is_loaded (world.engine));
  CHECK_TEXT (em_engine_model_name (world.engine), "");
  if (clip_open (&c, "mute")) { /* no model: says so */
    em_engine_decode_async (world.engine, c.id, 1, 0, &set, false, NULL, decoded_cb, &got);
    UNTIL (got.n == 1);
    CHECK_INT (got.status, EM_E_WEIGHTS);
    got_clear (&got);
    clip_close (&c);
  }
  em_engine_load_async (world.engine, world.package, NULL, NULL, loaded_cb, &got);
  UNTIL (got.n == 1);
  CHECK_INT (got.status, EM_OK);
  got_clear (&got);
  CHECK_TEXT (em_engine_model_name (world.engine), "tiny");
  CHECK_TEXT (em_engine_model_digest (world.engine), em_weights_digest (world.tiny.weights));
  CHECK (g_str_has_prefix (em_engine_device (world.engine), "CPU, "));
  CHECK_INT (em_engine_window_size (world.engine), TINY_T);
  CHECK (em_engine_has_sound (world.engine) && em_engine_reads (world.engine));
  g_object_get (world.engine, "loaded", &is_loaded, "reads", &reads, NULL);
  CHECK (is_loaded && reads);

  em_engine_load_async (world.engine, "/nowhere/model.safetensors", NULL, NULL, loaded_cb, &got);
  UNTIL (got.n == 1);
  CHECK_INT (got.status, EM_E_INPUT);
  got_clear (&got);
  em_engine_load_async (world.engine, world.package, "no such device", NULL, loaded_cb, &got);
  UNTIL (got.n == 1);
  CHECK (got.status != EM_OK);
  got_clear (&got);
  CHECK_TEXT (em_engine_model_name (world.engine), "tiny"); /* the one before stays */
}

/* An answer may arrive a moment before its request hands back what it held. */
static void
the_engine_ends (EmEngine *engine)
{
  UNTIL (G_OBJECT (engine)->ref_count == 1);
  g_assert_finalize_object (engine);
}

/* The demo model is part of the program. */
static void
check_demo (void)
{
  EmEngine *engine = em_engine_new ();
  Got got = { 0 };

  em_engine_load_async (engine, NULL, "cpu", NULL, loaded_cb, &got);
  UNTIL (got.n == 1);
  CHECK_INT (got.status, EM_OK);
  CHECK (em_engine_has_sound (engine) && !em_engine_reads (engine));
  CHECK_INT (strlen (em_engine_model_digest (engine)), 64);
  got_clear (&got);
  the_engine_ends (engine);
}

static void
check_decode (void)
{
  EmPromptSet set = a_click (60, 70);
  EmAnswer want = { 0 };
  EmError err = EM_ERROR_INIT;
  Got got = { 0 };
  EmRle base;
  Clip c;

  if (!clip_open (&c, "mp4"))
    return;
  set.sound = true;
  set.items[set.n++] = (EmPrompt){ EM_PROMPT_BOX, 20, 20, 120, 100 };
  em_engine_embed (world.engine, c.id, 17);
  em_engine_embed (world.engine, c.id, 18);
  em_engine_decode_async (world.engine, c.id, 5, 17, &set, false, NULL, decoded_cb, &got);
  memset (&set.items[0], 0, sizeof set.items[0]); /* arguments were copied */
  UNTIL (got.n == 1);
  set.items[0] = (EmPrompt){ EM_PROMPT_POSITIVE, 60, 70 };
  CHECK (em_predictor_decode (c.by_hand, 17, &set, &want, &err));
  CHECK (got.decoded && em_rle_equal (&got.decoded->mask, &want.mask));
  CHECK (got.decoded && got.decoded->iou == want.iou && got.decoded->score == want.score);
  CHECK (got.decoded && got.decoded->object == 5 && got.decoded->frame == 17);
  CHECK (got.decoded && got.decoded->seconds > 0);
  em_answer_clear (&want);
  got_clear (&got);

  base = a_square (&c, 40, 30, 60); /* on top of a mask that is gone before it is looked at */
  set = a_click (60, 70);
  set.base = &base;
  em_engine_decode_async (world.engine, c.id, 5, 17, &set, false, NULL, decoded_cb, &got);
  CHECK (em_predictor_decode (c.by_hand, 17, &set, &want, &err));
  em_rle_clear (&base);
  UNTIL (got.n == 1);
  CHECK (got.decoded && em_rle_equal (&got.decoded->mask, &want.mask));
  CHECK (got.decoded && got.decoded->iou == want.iou);
  em_answer_clear (&want);
  got_clear (&got);
  set.base = NULL;

  em_engine_decode_async (world.engine, c.id, 5, 100000, &set, false, NULL, decoded_cb, &got);
  UNTIL (got.n == 1);
  CHECK_INT (got.status, EM_E_USAGE);
  got_clear (&got);
  clip_close (&c);
}

typedef struct {
  int n_calls, done, total;
  GPtrArray *all;
} Heard;

static void
heard_cb (GPtrArray *suggestions, int done, int total, gpointer data)
{
  Heard *h = *(Heard **) data; /* the data of the callback, too: see below */

  h->n_calls++;
  h->done = done;
  h->total = total;
  for (guint i = 0; i < suggestions->len; i++)
    g_ptr_array_add (h->all, em_suggestion_ref (suggestions->pdata[i]));
}

typedef struct {
  Heard *heard;
  Got got;
} Asked;

static void
asked_cb (GObject *source, GAsyncResult *result, gpointer data)
{
  suggested_cb (source, result, &((Asked *) data)->got);
}

static void
check_suggestion (const EmSuggestion *s, const EmAnswer *want, const Clip *c, int second)
{
  const uint8_t *bytes = s->logits ? g_bytes_get_data (s->logits, NULL) : NULL;

  CHECK_INT (s->second, second);
  CHECK_INT (s->frame, c->media->grid[second]);
  CHECK_INT (s->width, c->media->source.width);
  CHECK (bytes != NULL);
  CHECK (s->iou == want->iou && s->score == want->score);
  for (int i = 0; bytes && i < s->side * s->side; i++)
    if (bytes[i] != em_logit_to_byte (want->logits[i])) {
      CHECK_INT (bytes[i], em_logit_to_byte (want->logits[i]));
      break;
    }
}

static void
check_suggest (void)
{
  g_autoptr (GPtrArray) all = g_ptr_array_new_with_free_func ((GDestroyNotify) em_suggestion_unref);
  Heard heard = { .all = all };
  Asked asked = { .heard = &heard };
  EmAnswer want[TINY_T] = { { .side = 0 } };
  EmError err = EM_ERROR_INIT;
  Clip c, mute;
  int n;

  if (!clip_open (&c, "long-gop")) /* ten seconds, two of which sound */
    return;
  em_engine_suggest_async (world.engine, c.id, 1, 99, 1e-3, NULL, heard_cb, NULL, asked_cb, &asked);
  UNTIL (asked.got.n == 1);
  CHECK_INT (asked.got.status, EM_OK);
  CHECK_INT (heard.n_calls, 4); /* windows of 3 over seconds 0 to 9 */
  CHECK_INT (heard.done, 9);
  CHECK_INT (heard.total, 9);
  CHECK_INT (all->len, 9);
  CHECK_INT (asked.got.suggestions->len, 9);
  for (guint i = 0; i < all->len; i++) {
    const EmSuggestion *s = all->pdata[i];
    int second = (int) i + 1;

    CHECK (s == asked.got.suggestions->pdata[i]);
    CHECK_INT (s->is_silent, em_predictor_rms (c.by_hand, second) < 1e-3);
    CHECK_INT (s->is_silent, s->logits == NULL);
    if (!s->is_silent) {
      CHECK (em_predictor_sound (c.by_hand, second / TINY_T, want, &n, &err));
      check_suggestion (s, &want[second % TINY_T], &c, second);
      for (int k = 0; k < n; k++)
        em_answer_clear (&want[k]);
    }
  }
  CHECK (((EmSuggestion *) all->pdata[0])->logits != NULL); /* a tick is in second 1 */
  CHECK (((EmSuggestion *) all->pdata[8])->is_silent);
  got_clear (&asked.got);

  if (clip_open (&mute, "mute")) {
    em_engine_suggest_async (world.engine, mute.id, 0, 0, 1e-3, NULL, NULL, NULL, asked_cb, &asked);
    UNTIL (asked.got.n == 1);
    CHECK_INT (asked.got.status, EM_E_USAGE);
    got_clear (&asked.got);
    clip_close (&mute);
  }
  clip_close (&c);
}

/* Every answer is that of the words it was asked with, and a click's of none. */
static void
check_reading (void)
{
  static const char *const texts[] = { "the dog", NULL, "the cat" };
  EmPromptSet set = { .sound = true };
  EmError err = EM_ERROR_INIT;
  Got got[4] = { 0 };
  EmAnswer want[TINY_T];
  Clip c;
  int n;

  if (!clip_open (&c, "long-gop"))
    return;
  for (int i = 0; i < 3; i++)
    em_engine_suggest_async (world.engine, c.id, 0, 9, 1e-3, texts[i], NULL, NULL, suggested_cb,
                             &got[i]);
  UNTIL (got[0].n && got[1].n && got[2].n);
  em_engine_decode_async (world.engine, c.id, 1, c.media->grid[1], &set, false, NULL, decoded_cb,
                          &got[3]);
  UNTIL (got[3].n == 1);
  for (int i = 0; i < 3; i++) {
    CHECK_INT (got[i].status, EM_OK);
    CHECK (em_predictor_set_text (c.by_hand, texts[i], &err));
    for (guint k = 0; got[i].suggestions && k < got[i].suggestions->len; k++) {
      const EmSuggestion *s = got[i].suggestions->pdata[k];

      CHECK_INT (s->is_silent, !texts[i] && em_predictor_rms (c.by_hand, (int) k) < 1e-3);
      if (s->is_silent)
        continue;
      CHECK (em_predictor_sound (c.by_hand, (int) k / TINY_T, want, &n, &err));
      check_suggestion (s, &want[k % TINY_T], &c, (int) k);
      for (int m = 0; m < n; m++)
        em_answer_clear (&want[m]);
    }
  }
  CHECK (em_predictor_set_text (c.by_hand, NULL, &err));
  CHECK (em_predictor_decode (c.by_hand, c.media->grid[1], &set, want, &err));
  CHECK (got[3].decoded && em_rle_equal (&got[3].decoded->mask, &want->mask));
  CHECK (got[3].decoded && got[3].decoded->score == want->score);
  em_answer_clear (want);
  for (int i = 0; i < 4; i++)
    got_clear (&got[i]);

  em_engine_suggest_async (world.engine, c.id, 0, 9, 1e-3, "", NULL, NULL, suggested_cb, &got[0]);
  UNTIL (got[0].n == 1);
  CHECK_INT (got[0].status, EM_E_USAGE);
  CHECK (strstr (got[0].text, "empty"));
  got_clear (&got[0]);
  clip_close (&c);
}

/* Frames as tracking tells them. The callbacks of a job share their data. */
typedef struct {
  GPtrArray *frames; /* EmTrackedFrame */
  EmTrackProgress progress;
  Got got;
  int cancel_at; /* frames after which to cancel; 0: never */
  GCancellable *cancellable;
  int click_at;
  guint clip;
  Got click;
  int n_at_click; /* frames told of when the click was answered */
} Track;

static void
click_cb (GObject *source, GAsyncResult *result, gpointer data)
{
  Track *t = data;

  decoded_cb (source, result, &t->click);
  t->n_at_click = (int) t->frames->len;
}

static void
frame_cb (EmTrackedFrame *frame, const EmTrackProgress *progress, gpointer data)
{
  Track *t = data;

  CHECK_INT (t->got.n, 0); /* not after the end */
  g_ptr_array_add (t->frames, em_tracked_frame_ref (frame));
  t->progress = *progress;
  if ((int) t->frames->len == t->cancel_at && t->cancellable)
    g_cancellable_cancel (t->cancellable);
  else if ((int) t->frames->len == t->cancel_at)
    em_engine_close_clip (world.engine, t->clip);
  if ((int) t->frames->len == t->click_at) {
    EmPromptSet set = a_click (50, 50);
    em_engine_decode_async (world.engine, t->clip, 9, 3, &set, false, NULL, click_cb, t);
  }
}

static void
ended_cb (GObject *source, GAsyncResult *result, gpointer data)
{
  tracked_cb (source, result, &((Track *) data)->got);
}

static void
track_start (Track *t, Clip *c, EmTrackRequest *request)
{
  t->clip = c->id;
  t->frames = g_ptr_array_new_with_free_func ((GDestroyNotify) em_tracked_frame_unref);
  em_engine_track_async (world.engine, c->id, request, frame_cb, t->cancellable, ended_cb, t);
}

static void
track_clear (Track *t)
{
  g_clear_pointer (&t->frames, g_ptr_array_unref);
  g_clear_object (&t->cancellable);
  got_clear (&t->got);
  got_clear (&t->click);
}

static EmTrackRequest *
two_objects (const Clip *c, int from, int to)
{
  EmTrackRequest *request = em_track_request_new ();
  EmRle a = a_square (c, 20, 20, 40), b = a_square (c, 90, 60, 50);
  int64_t objects[] = { 70, 30 };

  em_track_request_add_seed (request, 70, from, &a);
  em_track_request_add_seed (request, 30, from, &b);
  em_track_request_add_span (request, from, to, 0, 1000, objects, 2);
  em_rle_clear (&a);
  em_rle_clear (&b);
  return request;
}

/* Both ways from frame 10, as the predictor by hand does it. */
static void
check_track (void)
{
  EmAnswer want[2] = { { .side = 0 }, { .side = 0 } };
  EmError err = EM_ERROR_INIT;
  EmTrackRequest *request;
  Track t = { 0 };
  Clip c;
  EmRle a, b;
  int frame, n = 0;

  if (!clip_open (&c, "mp4"))
    return;
  a = a_square (&c, 20, 20, 40), b = a_square (&c, 90, 60, 50);
  request = two_objects (&c, 10, 30);
  em_track_request_add_span (request, 10, 4, 0, 1000, (int64_t[]){ 30 }, 1);
  track_start (&t, &c, request);
  UNTIL (t.got.n == 1);
  CHECK_INT (t.got.status, EM_OK);
  CHECK_INT (t.got.n_done, 28);
  CHECK_INT (t.frames->len, 28);
  CHECK_INT (t.progress.done, 28);
  CHECK_INT (t.progress.total, 28);
  CHECK (t.progress.fps > 0);

  em_predictor_add_mask (c.by_hand, 10, 1, &a, NULL, &err);
  em_predictor_add_mask (c.by_hand, 10, 2, &b, NULL, &err);
  em_predictor_propagate (c.by_hand, 10, 30, 1, &err);
  while (em_predictor_step (c.by_hand, &frame, want, &err)) {
    const EmTrackedFrame *f = t.frames->pdata[n++];
    CHECK_INT (f->frame, frame);
    CHECK_INT (f->n, 2);
    CHECK_INT (f->masks[0]->object, 70);
    CHECK_INT (f->masks[1]->object, 30);
    for (int k = 0; k < 2; k++) {
      CHECK (em_rle_equal (&f->masks[k]->mask, &want[k].mask));
      CHECK (f->masks[k]->score == want[k].score);
      em_answer_clear (&want[k]);
    }
  }
  CHECK_INT (n, 21);
  for (; n < 28; n++) {
    const EmTrackedFrame *f = t.frames->pdata[n];
    CHECK_INT (f->frame, 10 - (n - 21));
    CHECK_INT (f->n, 1);
    CHECK_INT (f->masks[0]->object, 30);
  }
  em_rle_clear (&a);
  em_rle_clear (&b);
  track_clear (&t);

  request = em_track_request_new (); /* nothing to start from */
  em_track_request_add_span (request, 0, 5, 0, 9, (int64_t[]){ 4 }, 1);
  track_start (&t, &c, request);
  UNTIL (t.got.n == 1);
  CHECK_INT (t.got.status, EM_E_USAGE);
  track_clear (&t);
  clip_close (&c);
}

/* A click in the middle is answered in the middle, and the track is the same as without it. */
static void
check_overtaking (void)
{
  Track alone = { 0 }, disturbed = { .click_at = 6 };
  Clip c;

  if (!clip_open (&c, "mp4"))
    return;
  track_start (&alone, &c, two_objects (&c, 0, 40));
  UNTIL (alone.got.n == 1);
  track_start (&disturbed, &c, two_objects (&c, 0, 40));
  UNTIL (disturbed.got.n == 1);
  CHECK_INT (disturbed.click.n, 1);
  CHECK_INT (disturbed.click.status, EM_OK);
  CHECK (disturbed.n_at_click >= 6 && disturbed.n_at_click <= 12);
  CHECK_INT (disturbed.frames->len, 41);
  for (guint i = 0; i < MIN (alone.frames->len, disturbed.frames->len); i++) {
    const EmTrackedFrame *x = alone.frames->pdata[i], *y = disturbed.frames->pdata[i];
    CHECK_INT (x->frame, y->frame);
    CHECK (em_rle_equal (&x->masks[0]->mask, &y->masks[0]->mask));
    CHECK (em_rle_equal (&x->masks[1]->mask, &y->masks[1]->mask));
  }
  track_clear (&alone);
  track_clear (&disturbed);
  clip_close (&c);
}

/* Clicks on more other clips than there is room for do not cost the tracking one its memory. */
static void
check_pinning (void)
{
  static const char *const kinds[] = { "webm", "mkv", "vfr" };
  EmPromptSet set = a_click (80, 60);
  Track alone = { 0 }, busy = { 0 };
  Got got[3] = { { 0 } };
  Clip c, others[3];
  int n = 0;

  if (!clip_open (&c, "mp4"))
    return;
  track_start (&alone, &c, two_objects (&c, 0, 30));
  UNTIL (alone.got.n == 1);
  for (int i = 0; i < 3; i++)
    if (clip_open (&others[n], kinds[i]))
      n++;
  track_start (&busy, &c, two_objects (&c, 0, 30));
  for (int i = 0; i < n; i++) {
    UNTIL ((int) busy.frames->len >= 4 * (i + 1));
    em_engine_decode_async (world.engine, others[i].id, 1, 7, &set, false, NULL, decoded_cb,
                            &got[i]);
  }
  UNTIL (busy.got.n == 1);
  CHECK_INT (busy.got.status, EM_OK);
  for (guint i = 0; i < MIN (alone.frames->len, busy.frames->len); i++) {
    const EmTrackedFrame *x = alone.frames->pdata[i], *y = busy.frames->pdata[i];
    CHECK (em_rle_equal (&x->masks[0]->mask, &y->masks[0]->mask));
  }
  CHECK_INT (busy.frames->len, alone.frames->len);
  for (int i = 0; i < n; i++) {
    CHECK_INT (got[i].status, EM_OK);
    CHECK_INT (got[i].n, 1);
    got_clear (&got[i]);
    clip_close (&others[i]);
  }
  track_clear (&alone);
  track_clear (&busy);
  clip_close (&c);
}

/* Cancelled after some frames: what was told stays, soon nothing more comes, and the next track of
 * the same clip starts from nothing. */
static void
check_cancelling (void)
{
  Track whole = { 0 }, cut = { .cancel_at = 5, .cancellable = g_cancellable_new () }, again = { 0 };
  Clip c;

  if (!clip_open (&c, "mp4"))
    return;
  track_start (&whole, &c, two_objects (&c, 2, 20));
  UNTIL (whole.got.n == 1);
  track_start (&cut, &c, two_objects (&c, 2, 20));
  UNTIL (cut.got.n == 1);
  CHECK_INT (cut.got.status, EM_E_CANCELLED);
  CHECK (cut.frames->len >= 5 && cut.frames->len <= 8);
  CHECK_INT (cut.got.n_done, cut.frames->len);
  track_start (&again, &c, two_objects (&c, 2, 20));
  UNTIL (again.got.n == 1);
  CHECK_INT (again.frames->len, 19);
  for (guint i = 0; i < again.frames->len; i++) {
    const EmTrackedFrame *x = whole.frames->pdata[i], *y = again.frames->pdata[i];
    CHECK (em_rle_equal (&x->masks[1]->mask, &y->masks[1]->mask));
    if (i < cut.frames->len) {
      const EmTrackedFrame *z = cut.frames->pdata[i];
      CHECK (em_rle_equal (&x->masks[1]->mask, &z->masks[1]->mask));
    }
  }
  track_clear (&whole);
  track_clear (&cut);
  track_clear (&again);
  clip_close (&c);
}

/* Taken up with the keyframe and the last frames before the stop, a track goes on as if nothing had
 * been. */
static void
check_resuming (void)
{
  Track whole = { 0 }, rest = { 0 };
  EmTrackRequest *request;
  double iou = 0;
  Clip c;

  if (!clip_open (&c, "mp4"))
    return;
  track_start (&whole, &c, two_objects (&c, 0, 24));
  UNTIL (whole.got.n == 1);
  request = two_objects (&c, 0, 24);
  g_array_index (request->spans, EmTrackSpan, 0).from = 15;
  for (int i = 8; i < 15; i++) {
    const EmTrackedFrame *f = whole.frames->pdata[i];
    for (int k = 0; k < 2; k++)
      em_track_request_add_memory (request, f->masks[k]->object, f->frame, &f->masks[k]->mask);
  }
  track_start (&rest, &c, request);
  UNTIL (rest.got.n == 1);
  CHECK_INT (rest.got.status, EM_OK);
  CHECK_INT (rest.frames->len, 10);
  for (guint i = 0; i < rest.frames->len; i++) {
    const EmTrackedFrame *x = whole.frames->pdata[15 + i], *y = rest.frames->pdata[i];
    CHECK_INT (x->frame, y->frame);
    iou += em_rle_iou (&x->masks[0]->mask, &y->masks[0]->mask) / (double) rest.frames->len;
  }
  CHECK (iou > 0.8);
  track_clear (&whole);
  track_clear (&rest);
  clip_close (&c);
}

static void
check_closing (void)
{
  Track t = { .cancel_at = 4 }; /* closes the clip from inside the callback */
  EmPromptSet set = a_click (40, 40);
  Got got = { 0 };
  Clip c;

  if (!clip_open (&c, "mp4"))
    return;
  track_start (&t, &c, two_objects (&c, 0, 50));
  UNTIL (t.got.n == 1);
  CHECK_INT (t.got.status, EM_E_CANCELLED);
  CHECK (t.frames->len < 10);
  em_engine_decode_async (world.engine, c.id, 1, 0, &set, false, NULL, decoded_cb, &got);
  UNTIL (got.n == 1);
  CHECK_INT (got.status, EM_E_CANCELLED);
  got_clear (&got);
  track_clear (&t);
  clip_close (&c);
}

/* A newer click replaces the one that waits; an answer on its way when somebody cancels is not
 * delivered. */
static void
check_clicks (void)
{
  EmPromptSet set = a_click (40, 40);
  Got first = { 0 }, second = { 0 }, third = { 0 }, other = { 0 };
  GCancellable *cancellable = g_cancellable_new ();
  int waiting = 1;
  Clip c;

  if (!clip_open (&c, "mp4"))
    return;
  em_engine_suggest_async (world.engine, c.id, 0, 1, 0, NULL, NULL, cancellable, suggested_cb,
                           &other);
  em_engine_decode_async (world.engine, c.id, 1, 5, &set, false, NULL, decoded_cb, &first);
  em_engine_decode_async (world.engine, c.id, 1, 5, &set, false, NULL, decoded_cb, &second);
  em_engine_decode_async (world.engine, c.id, 1, 5, &set, true, NULL, decoded_cb, &third);
  CHECK_INT (first.n + second.n + third.n, 0);
  UNTIL (first.n && second.n && third.n && other.n);
  /* The first may have begun before the second came. */
  CHECK (first.status == EM_E_CANCELLED || first.status == EM_OK);
  CHECK_INT (second.status, EM_OK);
  CHECK_INT (third.status, EM_OK);
  CHECK (em_rle_equal (&second.decoded->mask, &third.decoded->mask));
  got_clear (&first);
  got_clear (&second);
  got_clear (&third);
  got_clear (&other);

  em_engine_decode_async (world.engine, c.id, 1, 6, &set, false, NULL, decoded_cb, &first);
  for (int64_t end = g_get_monotonic_time () + 20 * G_USEC_PER_SEC;
       waiting && g_get_monotonic_time () < end; g_usleep (1000))
    g_object_get (world.engine, "waiting", &waiting, NULL);
  CHECK_INT (waiting, 0); /* computed, and the answer is in the main context */
  em_engine_cancel (world.engine, c.id);
  UNTIL (first.n == 1);
  CHECK_INT (first.status, EM_E_CANCELLED);
  CHECK (first.decoded == NULL);
  got_clear (&first);
  g_object_unref (cancellable);
  clip_close (&c);
}

/* More clips than predictors, sound that comes later, another model in between. */
static void
check_many (void)
{
  static const char *const kinds[] = { "mp4", "webm", "mkv", "vfr" };
  EmPromptSet set = a_click (80, 60);
  Clip clips[4];
  Got got[4] = { { 0 } };
  int n = 0;

  for (int i = 0; i < 4; i++)
    if (clip_open (&clips[n], kinds[i]))
      n++;
  for (int round = 0; round < 2; round++) {
    for (int i = 0; i < n; i++)
      em_engine_decode_async (world.engine, clips[i].id, 1, 7, &set, false, NULL, decoded_cb,
                              &got[i]);
    for (int i = 0; i < n; i++) {
      EmAnswer want = { 0 };
      EmError err = EM_ERROR_INIT;
      UNTIL (got[i].n == 1);
      CHECK (em_predictor_decode (clips[i].by_hand, 7, &set, &want, &err));
      CHECK (got[i].decoded && em_rle_equal (&got[i].decoded->mask, &want.mask));
      em_answer_clear (&want);
      got_clear (&got[i]);
    }
    em_engine_load_async (world.engine, world.package, "cpu", NULL, loaded_cb, &got[0]);
    UNTIL (got[0].n == 1);
    CHECK_INT (got[0].status, EM_OK);
    got_clear (&got[0]);
  }
  if (n > 0) {
    guint late = em_engine_open_clip (world.engine, clips[0].index, clip (kinds[0]), NULL, 0.5);
    em_engine_suggest_async (world.engine, late, 0, 0, 0, NULL, NULL, NULL, suggested_cb, &got[0]);
    UNTIL (got[0].n == 1);
    CHECK_INT (got[0].status, EM_E_USAGE);
    got_clear (&got[0]);
    em_engine_set_clip_audio (world.engine, late, clips[0].audio);
    em_engine_suggest_async (world.engine, late, 0, 0, 0, NULL, NULL, NULL, suggested_cb, &got[0]);
    UNTIL (got[0].n == 1);
    CHECK_INT (got[0].status, EM_OK);
    got_clear (&got[0]);
    em_engine_close_clip (world.engine, late);
  }
  for (int i = 0; i < n; i++)
    clip_close (&clips[i]);
}

/* A picture that cannot be decoded: tracking leaves it out, a click on it says so. */
static void
check_broken_frame (void)
{
  const char *path = clip ("frames-png");
  g_autofree char *file = path ? g_build_filename (path, "5.png", NULL) : NULL;
  EmPromptSet set = a_click (40, 40);
  Track t = { 0 };
  Got got = { 0 };
  Clip c;

  if (!path || !clip_open (&c, "frames-png"))
    return;
  MUST (g_file_set_contents (file, "not a picture", -1, &error));
  em_engine_decode_async (world.engine, c.id, 1, 4, &set, false, NULL, decoded_cb, &got);
  UNTIL (got.n == 1);
  CHECK_INT (got.status, EM_E_INPUT);
  CHECK (strstr (got.text, "frame 4"));
  got_clear (&got);
  track_start (&t, &c, two_objects (&c, 0, 9));
  UNTIL (t.got.n == 1);
  CHECK_INT (t.got.status, EM_OK);
  CHECK_INT (t.frames->len, 9);
  for (guint i = 0; i < t.frames->len; i++)
    CHECK_INT (((EmTrackedFrame *) t.frames->pdata[i])->frame, (int) i + (i >= 4));
  track_clear (&t);
  clip_close (&c);
}

/* The last reference with work in the queue: everybody is answered, the object goes. */
static void
check_ending (void)
{
  EmPromptSet set = a_click (40, 40);
  const char *path = clip ("mp4");
  g_autoptr (EmFrameIndex) index = path ? open_index (path) : NULL;
  EmEngine *engine = em_engine_new ();
  Got got[3] = { { 0 } };
  guint id;

  if (path) {
    em_engine_load_async (engine, world.package, NULL, NULL, loaded_cb, &got[0]);
    id = em_engine_open_clip (engine, index, path, NULL, 0.5);
    for (int i = 1; i < 3; i++)
      em_engine_decode_async (engine, id, i, i, &set, false, NULL, decoded_cb, &got[i]);
    em_engine_cancel (engine, 0);
    UNTIL (got[0].n && got[1].n && got[2].n);
    CHECK_INT (got[2].status, EM_E_CANCELLED);
  }
  for (int i = 0; i < 3; i++)
    got_clear (&got[i]);
  the_engine_ends (engine);
}

int
main (void)
{
  EmError err = EM_ERROR_INIT;
  const char *metadata[2] = { "earmark.config", NULL };

  clips_open ();
  tiny_open (&world.tiny, (TinyKind){ .reads = true });
  world.package = clips_path ("tiny.safetensors");
  metadata[1] = em_weights_metadata (world.tiny.weights, "earmark.config");
  CHECK (em_weights_save (world.package, world.tiny.n, (const char *const *) world.tiny.names,
                          world.tiny.tensors, metadata, 1, &err));
  world.engine = em_engine_new ();
  check_loading ();
  check_demo ();
  check_decode ();
  check_suggest ();
  check_reading ();
  check_track ();
  check_overtaking ();
  check_pinning ();
  check_cancelling ();
  check_resuming ();
  check_closing ();
  check_clicks ();
  check_many ();
  check_broken_frame ();
  check_ending ();
  the_engine_ends (world.engine);
  tiny_close (&world.tiny);
  g_free (world.package);
  clips_close ();
  return clips_result ();
}
