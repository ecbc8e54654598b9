/* base64.h -- bytes as text of 64 letters (RFC 4648 §4, with padding). */

#ifndef BASE_BASE64_H
#define BASE_BASE64_H

#include "base/buf.h"

void base64_encode(struct bytes b, struct buf *text);
/* Appends what text stands for; false: it is no base64, and bytes has some of it. */
bool base64_decode(struct bytes text, struct buf *bytes);

#endif
