/* bank.h - what is remembered of one object, and what of it a frame looks at.
 *
 * Two maps from frames to entries: conditioning ones, which a person prompted, and tracked ones.
 * em_bank_recall is the rule by which SAM 2 chooses among them: all conditioning entries or the
 * nearest few, the tracked ones just before the frame, and the object pointers of both. It looks at
 * frame numbers only, never at data. Entries own their host memory; their device memory is slots of
 * the pool that made them. One thread. */
#pragma once
#include "base/rle.h"
#include "engine/tensor.h"
#include "predict/slots.h"

typedef enum { EM_MADE_NOTHING, EM_MADE_LOGITS, EM_MADE_ALL } EmMade;

/* What one frame leaves behind. Of a mask that a person gave it can be made again, so it may be
 * there in part. */
typedef struct {
  int frame;
  float *low_res; /* [S/4, S/4] logits, host */
  float iou, score;
  EmTensor memory;    /* [1, N, m] in a slot; nil until encoded */
  EmTensor pointer;   /* [1, d] in a slot */
  EmRle given;        /* width 0: none */
  bool hard;          /* its memory is of the mask, not of soft logits */
  EmMade made;        /* of the above; EM_MADE_ALL without a given mask */
  uint64_t looked_at; /* when: grows with every look */
} EmEntry;

typedef struct {
  EmSlots *memories, *pointers;
  EmDtype dtype; /* of memories */
  int n_tokens, mem_dim, d, side;
} EmEntryPool;

/* A model's sizes; `dtype` EM_BF16 or EM_F32. */
EmEntryPool em_entry_pool_new (EmBackend *be, EmDtype dtype, int n_tokens, int mem_dim, int d,
                               int side);
void em_entry_pool_clear (EmEntryPool *pool);

/* An entry with room for mask and pointer; NULL with EM_E_DEVICE. */
EmEntry *em_entry_new (EmEntryPool *pool, int frame, EmError *err);
/* One of a mask, which is copied: nothing is made, and takes no slot. */
EmEntry *em_entry_given (int frame, const EmRle *mask, bool hard);
void em_entry_unmake (EmEntryPool *pool, EmEntry *e); /* back to that */
/* Room for mask and pointer, for its memory, where it has none. */
bool em_entry_room (EmEntryPool *pool, EmEntry *e, EmError *err);
bool em_entry_room_for_memory (EmEntryPool *pool, EmEntry *e, EmError *err);
void em_entry_free (EmEntryPool *pool, EmEntry *e);   /* NULL is fine */
size_t em_entry_bytes (const EmEntryPool *pool);      /* of one with its memory, host and device */
size_t em_entry_pool_bytes (const EmEntryPool *pool); /* of all there are, and idle slots */

/* Frame -> entry, in the order of first insertion: SAM 2 breaks ties by it. */
typedef struct {
  int n, room;
  EmEntry **items;
} EmEntries;

EmEntry *em_entries_at (const EmEntries *es, int frame); /* NULL if none */
/* Takes over `e`, in the place of the entry of its frame, which is freed. */
void em_entries_put (EmEntryPool *pool, EmEntries *es, EmEntry *e);
EmEntry *em_entries_take (EmEntries *es, int frame); /* out of the map, NULL if none */
void em_entries_clear (EmEntryPool *pool, EmEntries *es);

typedef struct {
  EmEntries cond, tracked;
} EmBank;

typedef struct {
  const EmEntry *entry;
  int row; /* of maskmem_tpos_enc: num_maskmem - 1 for conditioning entries, else steps back - 1 */
} EmSpatial;

typedef struct {
  const EmEntry *entry;
  int distance; /* in frames */
} EmPointed;

typedef struct {
  int n_spatial, n_pointers;
  EmSpatial *spatial;  /* conditioning, then oldest to newest */
  EmPointed *pointers; /* conditioning, then newest to oldest */
  int max_pointers;    /* what distances are measured by: min (n_frames, limit) */
} EmRecall;

/* The rules a model brings along. */
typedef struct {
  int n_frames; /* of the clip */
  int num_maskmem, max_obj_ptrs;
  int max_cond_frames; /* 0: all */
  int stride;          /* of the look back behind the nearest frame; at least 1 */
} EmRecallRules;
/* Entries at this distance and beyond are looked at only if they are conditioning ones. */
int em_recall_reach (const EmRecallRules *rules);

/* What `frame` looks at in direction +1 or -1. */
EmRecall em_bank_recall (const EmBank *bank, int frame, int direction, const EmRecallRules *rules);
void em_recall_clear (EmRecall *r);

/* Gives up the tracked entries of frames from `first` to `last`, both included. */
void em_bank_forget (EmEntryPool *pool, EmBank *bank, int first, int last);
/* Gives up the tracked entries farthest from `frame` until at most `most` are left, sparing those
 * nearer than `spare` frames. */
void em_bank_trim (EmEntryPool *pool, EmBank *bank, int frame, int most, int spare);
void em_bank_clear (EmEntryPool *pool, EmBank *bank);
