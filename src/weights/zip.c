/* zip.c - reads the directory at the end of a zip archive, and what it points to. */
#include "weights/zip.h"
#include <inttypes.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define N_END       22 /* fixed part of the end record; a comment follows */
#define N_LOCATOR   20 /* zip64: where its end record is */
#define N_END64     56
#define N_ENTRY     46 /* fixed part of a directory entry */
#define N_LOCAL     30 /* fixed part of what stands before a member */
#define MAX_COMMENT 65535
#define MAX_MEMBERS 131072 /* twice what a checkpoint may have of tensors */
#define MAX_NAME    512

struct EmZip {
  int n;
  EmZipMember *members; /* in name order */
  char *names;
};

typedef struct {
  const uint8_t *bytes;
  size_t n;
  const char *label;
  EmError *err;
} Archive;

typedef struct {
  uint64_t n_members, offset, bytes; /* of the directory */
  uint64_t end;                      /* nothing of the directory lies behind this */
} Directory;

static uint64_t
number (const uint8_t *p, int bytes)
{
  uint64_t x = 0;

  while (bytes-- > 0)
    x = x << 8 | p[bytes];
  return x;
}

static bool
wrong (const Archive *a, const char *what)
{
  return em_fail (a->err, EM_E_WEIGHTS, "%s: %s", a->label, what);
}

/* The last end record whose comment reaches to the end of the file. */
static const uint8_t *
find_end (const Archive *a)
{
  for (size_t back = N_END; back <= a->n && back <= N_END + MAX_COMMENT; back++) {
    const uint8_t *p = a->bytes + a->n - back;

    if (memcmp (p, "PK\5\6", 4) == 0 && number (p + 20, 2) == back - N_END)
      return p;
  }
  return NULL;
}

/* A field that is all ones is meant to be looked up in the zip64 record; any other must agree. */
static bool
agrees (uint64_t small, int bytes, uint64_t large)
{
  return small == large || small == (bytes == 2 ? 0xffff : 0xffffffff);
}

static bool
read_end64 (const Archive *a, const uint8_t *end, Directory *d)
{
  const uint8_t *locator = end - N_LOCATOR, *p;
  uint64_t at;

  if ((size_t) (end - a->bytes) < N_LOCATOR || memcmp (locator, "PK\6\7", 4) != 0)
    return d->n_members != 0xffff && d->offset != 0xffffffff && d->bytes != 0xffffffff
               ? true
               : wrong (a, "the archive needs a zip64 record, which is missing");
  at = number (locator + 8, 8);
  if (number (locator + 4, 4) != 0 || number (locator + 16, 4) > 1)
    return wrong (a, "a part of an archive of several files");
  if (at > (uint64_t) (locator - a->bytes) || (uint64_t) (locator - a->bytes) - at < N_END64
      || memcmp (a->bytes + at, "PK\6\6", 4) != 0)
    return wrong (a, "the zip64 record is not where the archive says");
  p = a->bytes + at;
  if (number (p + 16, 4) != 0 || number (p + 20, 4) != 0
      || number (p + 24, 8) != number (p + 32, 8))
    return wrong (a, "a part of an archive of several files");
  if (!agrees (d->n_members, 2, number (p + 32, 8)) || !agrees (d->bytes, 4, number (p + 40, 8))
      || !agrees (d->offset, 4, number (p + 48, 8)))
    return wrong (a, "the zip64 record contradicts the end record");
  d->n_members = number (p + 32, 8);
  d->bytes = number (p + 40, 8);
  d->offset = number (p + 48, 8);
  d->end = at;
  return true;
}

static bool
read_end (const Archive *a, Directory *d)
{
  const uint8_t *end = find_end (a);

  if (!end)
    return wrong (a, "the archive has no end: it is cut off, or no zip archive");
  if (number (end + 4, 2) != 0 || number (end + 6, 2) != 0
      || number (end + 8, 2) != number (end + 10, 2))
    return wrong (a, "a part of an archive of several files");
  *d = (Directory){ number (end + 10, 2), number (end + 16, 4), number (end + 12, 4),
                    (uint64_t) (end - a->bytes) };
  if (!read_end64 (a, end, d))
    return false;
  if (d->offset > d->end || d->bytes > d->end - d->offset)
    return wrong (a, "the directory of the archive lies outside of it");
  if (d->n_members > MAX_MEMBERS || d->n_members * N_ENTRY > d->bytes)
    return em_fail (a->err, EM_E_WEIGHTS, "%s: the archive claims %" PRIu64 " members", a->label,
                    d->n_members);
  return true;
}

/* Names are looked up, never opened; one that wants to be elsewhere shows a file made to harm. */
static bool
check_name (const Archive *a, const char *name, size_t n)
{
  bool ok
      = n > 0 && n <= MAX_NAME && !memchr (name, 0, n) && name[0] != '/' && !memchr (name, '\\', n);

  for (size_t i = 0; ok && i + 1 < n; i++)
    ok = !(name[i] == '.' && name[i + 1] == '.' && (i == 0 || name[i - 1] == '/')
           && (i + 2 == n || name[i + 2] == '/'));
  for (size_t i = 0; ok && i < n; i++)
    ok = (unsigned char) name[i] >= ' ';
  return ok || wrong (a, "a member of the archive has an impossible name");
}

/* What is all ones in the entry stands in its zip64 field, in this order. */
static bool
read_extra64 (const Archive *a, const uint8_t *extra, size_t n, uint64_t *sizes[3])
{
  bool any = false;

  for (int i = 0; i < 3; i++)
    any |= *sizes[i] == 0xffffffff;
  while (any && n >= 4) {
    size_t length = number (extra + 2, 2);

    if (length > n - 4)
      break;
    if (number (extra, 2) == 1) {
      const uint8_t *p = extra + 4;

      for (int i = 0; i < 3; i++)
        if (*sizes[i] == 0xffffffff) {
          if (length < 8)
            return wrong (a, "a zip64 field is too short");
          *sizes[i] = number (p, 8);
          p += 8;
          length -= 8;
        }
      return true;
    }
    extra += 4 + length;
    n -= 4 + length;
  }
  return !any || wrong (a, "a member needs a zip64 field, which is missing");
}

/* The member of one entry; *begin is where its local header stands. */
static bool
read_member (const Archive *a, const uint8_t *entry, const Directory *d, EmZipMember *m,
             uint64_t *begin)
{
  size_t n_name = number (entry + 28, 2), n_extra = number (entry + 30, 2);
  const uint8_t *name = entry + N_ENTRY, *local;
  uint64_t packed = number (entry + 20, 4), size = number (entry + 24, 4), at;

  *begin = number (entry + 42, 4);
  if (!check_name (a, (const char *) name, n_name)
      || !read_extra64 (a, name + n_name, n_extra, (uint64_t *[]){ &size, &packed, begin }))
    return false;
  if (number (entry + 8, 2) & 1)
    return em_fail (a->err, EM_E_WEIGHTS, "%s: %.*s is encrypted", a->label, (int) n_name, name);
  if (number (entry + 10, 2) != 0)
    return em_fail (a->err, EM_E_WEIGHTS,
                    "%s: %.*s is compressed, which a checkpoint never is: unpack the archive and "
                    "pack it without compression",
                    a->label, (int) n_name, name);
  if (packed != size)
    return em_fail (a->err, EM_E_WEIGHTS, "%s: %.*s has two sizes", a->label, (int) n_name, name);
  if (*begin > d->offset || d->offset - *begin < N_LOCAL)
    return em_fail (a->err, EM_E_WEIGHTS, "%s: %.*s lies outside of the archive", a->label,
                    (int) n_name, name);
  local = a->bytes + *begin;
  if (memcmp (local, "PK\3\4", 4) != 0 || number (local + 26, 2) != n_name
      || d->offset - *begin - N_LOCAL < n_name || memcmp (local + N_LOCAL, name, n_name) != 0)
    return em_fail (a->err, EM_E_WEIGHTS, "%s: %.*s is not where the archive says", a->label,
                    (int) n_name, name);
  at = *begin + N_LOCAL + n_name + number (local + 28, 2);
  if (at > d->offset || size > d->offset - at)
    return em_fail (a->err, EM_E_WEIGHTS, "%s: %.*s lies outside of the archive", a->label,
                    (int) n_name, name);
  m->data = a->bytes + at;
  m->n = size;
  return true;
}

typedef struct {
  uint64_t begin, end;
} Span;

static int
by_begin (const void *a, const void *b)
{
  const Span *x = a, *y = b;

  return (x->begin > y->begin) - (x->begin < y->begin);
}

static int
by_name (const void *a, const void *b)
{
  return strcmp (((const EmZipMember *) a)->name, ((const EmZipMember *) b)->name);
}

/* Each name once, no member inside another: else the same bytes say two things. */
static bool
check_apart (const Archive *a, EmZip *zip, Span *spans)
{
  if (zip->n) {
    qsort (zip->members, zip->n, sizeof *zip->members, by_name);
    qsort (spans, zip->n, sizeof *spans, by_begin);
  }
  for (int i = 1; i < zip->n; i++) {
    if (strcmp (zip->members[i - 1].name, zip->members[i].name) == 0)
      return em_fail (a->err, EM_E_WEIGHTS, "%s: %.200s is in the archive twice", a->label,
                      zip->members[i].name);
    if (spans[i].begin < spans[i - 1].end)
      return wrong (a, "two members of the archive overlap");
  }
  return true;
}

static bool
read_directory (const Archive *a, const Directory *d, EmZip *zip, Span *spans)
{
  const uint8_t *entry = a->bytes + d->offset;
  uint64_t left = d->bytes;
  char *name = zip->names;

  for (uint64_t i = 0; i < d->n_members; i++) {
    size_t length, n_name;
    EmZipMember *m = &zip->members[i];

    if (left < N_ENTRY || memcmp (entry, "PK\1\2", 4) != 0)
      return wrong (a, "the directory of the archive is damaged");
    n_name = number (entry + 28, 2);
    length = N_ENTRY + n_name + number (entry + 30, 2) + number (entry + 32, 2);
    if (left < length)
      return wrong (a, "the directory of the archive is damaged");
    if (!read_member (a, entry, d, m, &spans[i].begin))
      return false;
    spans[i].end = (uint64_t) (m->data - a->bytes) + m->n;
    m->name = memcpy (name, entry + N_ENTRY, n_name);
    name[n_name] = 0;
    name += n_name + 1;
    zip->n++;
    entry += length;
    left -= length;
  }
  return left == 0 || wrong (a, "the directory of the archive is damaged");
}

EmZip *
em_zip_open (const void *bytes, size_t n, const char *label, EmError *err)
{
  Archive a = { bytes, n, label, err };
  Directory d = { 0 };
  EmZip *zip;
  Span *spans;
  bool ok;

  if (!read_end (&a, &d))
    return NULL;
  zip = calloc (1, sizeof *zip);
  spans = calloc (d.n_members + 1, sizeof *spans);
  ok = zip && spans && (zip->members = calloc (d.n_members + 1, sizeof *zip->members))
       && (zip->names = malloc (d.bytes + 1)); /* an entry is longer than its name */
  if (!ok)
    em_fail (err, EM_E_DEVICE, "%s: out of memory", label);
  ok = ok && read_directory (&a, &d, zip, spans) && check_apart (&a, zip, spans);
  free (spans);
  if (!ok) {
    em_zip_close (zip);
    return NULL;
  }
  return zip;
}

void
em_zip_close (EmZip *zip)
{
  if (!zip)
    return;
  free (zip->members);
  free (zip->names);
  free (zip);
}

int
em_zip_count (const EmZip *zip)
{
  return zip->n;
}

const EmZipMember *
em_zip_member (const EmZip *zip, int i)
{
  EM_BUG_UNLESS (i >= 0 && i < zip->n);
  return &zip->members[i];
}

const EmZipMember *
em_zip_find (const EmZip *zip, const char *name)
{
  EmZipMember key = { name, NULL, 0 };

  return zip->n ? bsearch (&key, zip->members, zip->n, sizeof key, by_name) : NULL;
}
