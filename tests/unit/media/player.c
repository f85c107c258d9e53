/* player.c - playing without a display and without a sound device. */
#include "check.h"
#include "clips.h"
#include "media/em-player.h"

typedef struct {
  EmPlayer *player;
  EmFrameIndex *index;
  EmAudio *audio;
  int n_frames, last, n_eos, n_errors;
  int least, most; /* frames shown */
  bool is_rising;
  char *hash; /* of the last picture */
  char *message;
} Seen;

static void
frame_cb (EmPlayer *player, int frame, GBytes *picture, Seen *s)
{
  s->is_rising &= s->n_frames == 0 || frame >= s->last;
  s->least = s->n_frames ? MIN (s->least, frame) : frame;
  s->most = s->n_frames ? MAX (s->most, frame) : frame;
  s->last = frame;
  s->n_frames++;
  g_free (s->hash);
  s->hash = g_compute_checksum_for_bytes (G_CHECKSUM_MD5, picture);
}

static void
eos_cb (EmPlayer *player, Seen *s)
{
  s->n_eos++;
}

static void
error_cb (EmPlayer *player, GError *error, Seen *s)
{
  s->n_errors++;
  g_free (s->message);
  s->message = g_strdup (error->message);
}

static void
forget (Seen *s)
{
  s->n_frames = s->n_eos = s->n_errors = 0;
  s->is_rising = true;
}

static void
spin (int ms)
{
  int64_t end = g_get_monotonic_time () + ms * (int64_t) 1000;

  while (g_get_monotonic_time () < end)
    if (!g_main_context_iteration (NULL, FALSE))
      g_usleep (1000);
}

/* Runs the main loop until the claim holds, ten seconds at most. */
#define UNTIL(claim)                                                                               \
  do {                                                                                             \
    int64_t end_ = g_get_monotonic_time () + 10 * G_USEC_PER_SEC;                                  \
    while (!(claim) && g_get_monotonic_time () < end_)                                             \
      spin (2);                                                                                    \
    CHECK (claim);                                                                                 \
  } while (0)

static bool
is_seeking (Seen *s)
{
  gboolean is_seeking;

  g_object_get (s->player, "seeking", &is_seeking, NULL);
  return is_seeking;
}

static bool
set_up (Seen *s, const char *kind)
{
  const char *path = clip (kind);

  *s = (Seen){ .is_rising = true };
  if (!path)
    return false;
  s->index = open_index (path);
  MUST (s->audio = em_audio_load (s->index, path, 0, NULL, &error));
  s->player = em_player_new ();
  g_signal_connect (s->player, "frame", G_CALLBACK (frame_cb), s);
  g_signal_connect (s->player, "eos", G_CALLBACK (eos_cb), s);
  g_signal_connect (s->player, "error", G_CALLBACK (error_cb), s);
  em_player_open (s->player, s->index, path, 0);
  UNTIL (s->n_frames == 1);
  CHECK_INT (s->last, 0);
  em_player_set_audio (s->player, s->audio);
  return true;
}

static void
tear_down (Seen *s)
{
  if (s->message)
    fprintf (stderr, "the player said: %s\n", s->message);
  g_assert_finalize_object (s->player);
  g_object_unref (s->index);
  g_object_unref (s->audio);
  g_free (s->hash);
  g_free (s->message);
}

static void
check_picture (Seen *s, const char *kind)
{
  g_autoptr (EmDecoder) decoder = open_decoder (s->index, clip (kind));
  g_autofree char *hash = picture_hash (decoder, s->last);

  CHECK_TEXT (s->hash, hash);
  CHECK_INT (em_player_get_frame (s->player), s->last);
}

/* Plays for a second: time passes as it should, the frame on screen when it stops is the frame it
 * says, bit for bit the decoder's. */
static void
check_play (const char *kind)
{
  Seen s;
  int64_t start, took;
  int frame;

  if (!set_up (&s, kind))
    return;
  forget (&s);
  em_player_play (s.player);
  CHECK (em_player_is_playing (s.player));
  UNTIL (em_player_get_position (s.player) > 50000000 && s.n_frames > 1);
  start = g_get_monotonic_time ();
  took = em_player_get_position (s.player);
  spin (1000);
  took = em_player_get_position (s.player) - took;
  CHECK_NEAR ((double) took / 1e9, (double) (g_get_monotonic_time () - start) / 1e6, 0.15);
  CHECK (s.is_rising);
  CHECK (s.n_frames > 10);
  CHECK_NEAR (em_frame_index_pts (s.index, s.last) / 1e9, em_player_get_position (s.player) / 1e9,
              0.25);
  em_player_pause (s.player);
  frame = em_player_get_frame (s.player);
  CHECK_INT (frame, s.last);
  spin (200);
  CHECK_INT (s.last, frame); /* nothing comes late */
  check_picture (&s, kind);
  CHECK_INT (em_player_get_position (s.player), em_frame_index_pts (s.index, frame));

  em_player_play (s.player);
  UNTIL (s.last > frame);
  frame = s.last;
  g_usleep (200000); /* pictures arrive while nobody looks, and then it is too late for them */
  em_player_pause (s.player);
  spin (100);
  CHECK_INT (s.last, frame);
  CHECK_INT (em_player_get_frame (s.player), frame);

  forget (&s); /* goes on from there */
  em_player_play (s.player);
  UNTIL (s.n_frames >= 3);
  CHECK (s.least >= frame && s.least <= frame + 3);
  em_player_pause (s.player);
  CHECK_INT (s.n_errors, 0);
  tear_down (&s);
}

static void
check_seek (const char *kind)
{
  Seen s;
  uint64_t seed = 9;
  int n;

  if (!set_up (&s, kind))
    return;
  n = em_frame_index_n_frames (s.index);
  for (int k = 0; k < 12; k++) {
    int frame = (int) (check_random (&seed) % (uint32_t) n);
    em_player_seek (s.player, frame);
    UNTIL (!is_seeking (&s));
    CHECK_INT (s.last, frame);
    check_picture (&s, kind);
  }
  for (int k = 0; k < 40; k++) /* scrubbing: only the last one is owed */
    em_player_seek (s.player, k % n);
  UNTIL (!is_seeking (&s));
  CHECK_INT (s.last, 39 % n);
  check_picture (&s, kind);
  tear_down (&s);
}

static void
check_end (void)
{
  Seen s;
  int n;

  if (!set_up (&s, "mp4"))
    return;
  n = em_frame_index_n_frames (s.index);
  em_player_seek (s.player, n - 12);
  em_player_play (s.player); /* from where it was sent, shown yet or not */
  forget (&s);
  UNTIL (s.n_eos == 1);
  UNTIL (s.last == n - 1);
  CHECK (!em_player_is_playing (s.player));
  CHECK (s.least >= n - 13);
  check_picture (&s, "mp4");
  forget (&s);
  em_player_play (s.player); /* the last frame: again from the start */
  UNTIL (s.n_frames > 2);
  CHECK (s.least <= 2);
  em_player_seek (s.player, 30); /* while playing: goes on from there */
  forget (&s);
  UNTIL (s.n_frames > 3 && s.last > 30 && s.last < 50);
  CHECK (em_player_is_playing (s.player));
  em_player_close (s.player);
  forget (&s);
  spin (200);
  CHECK_INT (s.n_frames, 0);
  CHECK_INT (s.n_errors, 0);
  tear_down (&s);
}

static void
check_loop_and_rate (void)
{
  Seen s;
  int64_t start;
  int first, last;

  if (!set_up (&s, "mp4"))
    return;
  em_player_set_volume (s.player, 0.5);
  em_player_set_muted (s.player, true);
  em_player_set_loop (s.player, 20, 29);
  CHECK (em_player_get_loop (s.player, &first, &last) && first == 20 && last == 29);
  forget (&s);
  em_player_play (s.player);
  UNTIL (s.n_frames > 25); /* more than the loop has */
  CHECK_INT (s.least, 20);
  CHECK (s.most <= 29);
  CHECK_INT (s.n_eos, 0);
  em_player_set_loop (s.player, -1, -1);
  UNTIL (s.last > 31);
  em_player_pause (s.player);

  em_player_seek (s.player, 0);
  em_player_set_rate (s.player, 2);
  forget (&s);
  em_player_play (s.player);
  UNTIL (s.last >= 5 && s.n_frames > 2);
  start = g_get_monotonic_time ();
  first = s.last;
  UNTIL (s.last >= 40);
  CHECK_NEAR ((s.last - first) / 30.0 / ((double) (g_get_monotonic_time () - start) / 1e6), 2, 0.4);
  em_player_set_rate (s.player, 0.5);
  CHECK_NEAR (em_player_get_rate (s.player), 0.5, 0);
  spin (100);
  em_player_pause (s.player);
  CHECK_INT (s.n_errors, 0);
  tear_down (&s);
}

/* Without a clip, without a file, without an answer about the sound. */
static void
check_trouble (void)
{
  const char *path = clip ("mp4");
  Seen s = { 0 };
  EmPlayer *player = em_player_new ();

  em_player_play (player);
  em_player_seek (player, 3);
  em_player_pause (player);
  CHECK_INT (em_player_get_frame (player), -1);
  g_assert_finalize_object (player);
  if (!path)
    return;
  s.player = em_player_new ();
  s.index = open_index (path);
  s.audio = g_object_new (EM_TYPE_AUDIO, NULL);
  g_signal_connect (s.player, "frame", G_CALLBACK (frame_cb), &s);
  g_signal_connect (s.player, "error", G_CALLBACK (error_cb), &s);
  em_player_open (s.player, s.index, "/nowhere/clip.mp4", 0);
  UNTIL (s.n_errors == 1);
  em_player_open (s.player, s.index, path, 5);
  em_player_play (s.player);
  spin (300); /* waits for the sound, but shows where it is */
  CHECK (em_player_is_playing (s.player));
  CHECK_INT (s.last, 5);
  em_player_set_audio (s.player, NULL);
  UNTIL (s.last > 10);
  tear_down (&s); /* in the middle of it */
}

int
main (void)
{
  clips_open ();
  check_play ("mp4");
  check_play ("fragmented");
  check_play ("vfr");
  check_play ("mute");
  check_play ("webm");
  check_play ("rotated-90");
  check_seek ("open-gop");
  check_seek ("mkv");
  check_seek ("frames-png");
  check_end ();
  check_loop_and_rate ();
  check_trouble ();
  clips_close ();
  return clips_result ();
}
