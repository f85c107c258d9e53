/* em-player.h - a clip, played with its sound.
 *
 * Picture and sound come from the same places as everything else: the decoder's access units and
 * the EmAudio, so what is shown is frame i of the index, bit for bit what the model sees, and what
 * is heard is what the waveform draws. Belongs to the thread that made it (its thread-default main
 * context): all calls and all signals happen there, none blocks. Pictures are decoded on threads of
 * the player's own.
 *
 * Signals:
 *   frame (int index, GBytes *rgba)    a picture to show, display width x height x 4; late ones are
 *                                      left out, the newest always comes
 *   eos ()                             the end was reached; the player is paused on the last frame
 *   error (GError *error)              EM_E_INPUT; a frame that cannot be decoded, or no decoder at
 *                                      all. The player stays usable
 * Properties, read only, with notify: "playing", "frame", "seeking" (a picture was asked for and is
 * not there yet). "rate", "volume" and "muted" can be set. */
#pragma once
#include "media/em-audio.h"
#include "media/em-decoder.h"

G_BEGIN_DECLS

#define EM_TYPE_PLAYER (em_player_get_type ())
G_DECLARE_FINAL_TYPE (EmPlayer, em_player, EM, PLAYER, GObject)

EmPlayer *em_player_new (void);

/* Takes a clip and shows its frame `frame`. Answers before the first picture is there; a clip that
 * cannot be played says so with "error". Replaces the clip before it. */
void em_player_open (EmPlayer *self, EmFrameIndex *index, const char *path, int frame);
void em_player_close (EmPlayer *self); /* no signal comes after it */
/* The sound, once it is loaded. Playing asked for before waits for it; NULL: there will be none. */
void em_player_set_audio (EmPlayer *self, EmAudio *audio);

/* From the frame on screen; from the loop's start or frame 0 if it is the last. */
void em_player_play (EmPlayer *self);
/* Stops on the frame on screen: em_player_get_frame() is its exact index from this call on. */
void em_player_pause (EmPlayer *self);
bool em_player_is_playing (EmPlayer *self); /* asked to play, even if still waiting */

/* Shows frame i. Paused: exactly that one, by "frame"; newer calls replace those not yet done.
 * Playing: goes on from there. Clamped to the clip. */
void em_player_seek (EmPlayer *self, int frame);
/* The frame on screen: the last one "frame" told of. -1 before the first. */
int em_player_get_frame (EmPlayer *self);
/* For a smooth playhead: time of what is heard now, ns from the first frame. */
int64_t em_player_get_position (EmPlayer *self);

void em_player_set_rate (EmPlayer *self, double rate); /* 0.25 to 2, pitch kept */
double em_player_get_rate (EmPlayer *self);
/* Plays frames first..last, both included, over and over; -1, -1: no loop. */
void em_player_set_loop (EmPlayer *self, int first, int last);
bool em_player_get_loop (EmPlayer *self, int *first, int *last);
void em_player_set_volume (EmPlayer *self, double volume); /* 0..1, as heard (cubic) */
void em_player_set_muted (EmPlayer *self, bool is_muted);

G_END_DECLS
