/* zip.h - the members of a zip archive that lies in memory, where nothing is compressed.
 *
 * Checkpoints are such archives so that their tensors can be used where the file is mapped; all
 * that is needed is where each member lies. Everything the archive says about itself is compared
 * with what is there, zip64 included: members lie inside the archive, apart from each other, and
 * each name is there once. Compressed or encrypted members, several disks, absolute names and names
 * with ".." are refused. Members that are wrong only in their checksum are not found out. */
#pragma once
#include <stddef.h>
#include <stdint.h>
#include "base/error.h"

typedef struct {
  const char *name; /* ends with a NUL, which it does not hold otherwise */
  const uint8_t *data;
  size_t n;
} EmZipMember;

typedef struct EmZip EmZip;

/* `bytes` must outlive the result. `label` begins every message; EM_E_WEIGHTS with one if the
 * archive is unsound or not of this kind. */
EmZip *em_zip_open (const void *bytes, size_t n, const char *label, EmError *err);
void em_zip_close (EmZip *zip); /* NULL is fine */

int em_zip_count (const EmZip *zip);
const EmZipMember *em_zip_member (const EmZip *zip, int i);          /* in name order */
const EmZipMember *em_zip_find (const EmZip *zip, const char *name); /* NULL if not there */
