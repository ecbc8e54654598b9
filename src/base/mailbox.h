/* mailbox.h -- a bounded queue of fixed-size messages between two threads (or two halves of one).
 *
 * Messages are copied in and out. A full mailbox refuses: nobody ever waits for one. The receiver
 * may sleep on mailbox_fd(); a sender writes to it only when the receiver has said, by
 * mailbox_sleep(), that it is about to sleep: a wake costs some 7 us, so a busy receiver is not
 * woken. Several senders may share a mailbox; there is one receiver. */

#ifndef BASE_MAILBOX_H
#define BASE_MAILBOX_H

#include "base/bytes.h"

struct mailbox;

/* capacity in messages. */
struct mailbox *mailbox_new(size_t message_size, size_t capacity);
void mailbox_free(struct mailbox *m);

/* Copies the message in; false, and nothing happens, when the mailbox is full. */
bool mailbox_send(struct mailbox *m, const void *message);

/* The same, but a receiver that sleeps goes on sleeping: it finds the message when something else
 * wakes it. For what is worth knowing and not worth 7 us. */
bool mailbox_leave(struct mailbox *m, const void *message);

/* The same, but a receiver that dozes goes on dozing; one that sleeps is woken. For what is only in
 * a hurry when somebody waits for it, which the receiver knows. */
bool mailbox_offer(struct mailbox *m, const void *message);

/* Wakes a receiver that sleeps or dozes, if there are messages: what was left or offered. */
void mailbox_wake(struct mailbox *m);

/* Moves up to max messages out, oldest first; returns how many. */
size_t mailbox_receive(struct mailbox *m, void *messages, size_t max);

size_t mailbox_room(struct mailbox *m); /* messages that still fit */
size_t mailbox_count(struct mailbox *m);

/* An eventfd that becomes readable when a message arrives while the receiver sleeps. */
int mailbox_fd(const struct mailbox *m);

/* The receiver is about to wait: true = go ahead, the next send or offer will wake you; false =
 * there are messages, do not sleep. */
bool mailbox_sleep(struct mailbox *m);
/* The same, but an offer will not wake you. */
bool mailbox_doze(struct mailbox *m);
/* Whether the receiver waits and has not been woken. */
bool mailbox_is_asleep(struct mailbox *m);

/* The receiver is awake: empties the eventfd; sends stay silent until the next mailbox_sleep(). */
void mailbox_awake(struct mailbox *m);

#endif
