#include "CLinuxProcess.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <linux/sock_diag.h>
#include <linux/tcp.h>
#include <stddef.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

enum { established = 1, time_wait = 6 };

/// Fewer bytes than any answer has.
enum { less_than_an_answer = 16 };

static void tell(const struct nlmsghdr *message, const struct inet_diag_msg *about, struct clp_connection *connection) {
    int left = (int)(message->nlmsg_len - NLMSG_LENGTH(sizeof *about));
    const struct rtattr *field = (const struct rtattr *)(about + 1);
    for (; RTA_OK(field, left); field = RTA_NEXT(field, left)) {
        if (field->rta_type != INET_DIAG_INFO) continue;
        // An older kernel tells less: what is missing stays 0.
        struct tcp_info info = {0};
        size_t size = RTA_PAYLOAD(field);
        memcpy(&info, RTA_DATA(field), size < sizeof info ? size : sizeof info);
        connection->acknowledged_bytes = info.tcpi_bytes_acked;
        connection->is_waiting =
            info.tcpi_bytes_received > 0
            && (info.tcpi_bytes_acked < less_than_an_answer || info.tcpi_last_data_recv < info.tcpi_last_data_sent);
    }
}

static int ask(int fd, int family, uint16_t port) {
    struct {
        struct nlmsghdr header;
        struct inet_diag_req_v2 request;
    } question = {
        .header = {
            .nlmsg_len = sizeof question, .nlmsg_type = SOCK_DIAG_BY_FAMILY, .nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP},
        .request = {
            .sdiag_family = (uint8_t)family,
            .sdiag_protocol = IPPROTO_TCP,
            .idiag_ext = 1 << (INET_DIAG_INFO - 1),
            .idiag_states = (1 << established) | (1 << time_wait),
            .id = {.idiag_sport = htons(port)}}};
    return send(fd, &question, sizeof question, 0) == sizeof question ? 0 : -errno;
}

/// @return how many are in `found` now, or a negative errno.
static int take(int fd, int family, struct clp_connection *found, int count, int most) {
    char buffer[1 << 15] __attribute__((aligned(NLMSG_ALIGNTO)));
    for (;;) {
        ssize_t bytes = recv(fd, buffer, sizeof buffer, 0);
        if (bytes < 0 && errno == EINTR) continue;
        if (bytes <= 0) return bytes < 0 ? -errno : count;
        unsigned left = (unsigned)bytes;
        const struct nlmsghdr *message = (const struct nlmsghdr *)buffer;
        for (; NLMSG_OK(message, left); message = NLMSG_NEXT(message, left)) {
            if (message->nlmsg_type == NLMSG_DONE) return count;
            if (message->nlmsg_type == NLMSG_ERROR) {
                const struct nlmsgerr *error = NLMSG_DATA(message);
                return error->error < 0 ? error->error : -EPROTO;
            }
            if (count >= most) continue;
            const struct inet_diag_msg *about = NLMSG_DATA(message);
            found[count++] = (struct clp_connection){
                .peer = ((uint32_t)family << 16) | ntohs(about->id.idiag_dport),
                .is_open = about->idiag_state == established};
            tell(message, about, &found[count - 1]);
        }
    }
}

int clp_connections_at(uint16_t port, struct clp_connection *found, int most) {
    int fd = socket(AF_NETLINK, SOCK_DGRAM | SOCK_CLOEXEC, NETLINK_SOCK_DIAG);
    if (fd < 0) return -errno;
    const struct timeval patience = {.tv_usec = 200000};
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    int count = 0;
    const int families[] = {AF_INET, AF_INET6};
    for (int index = 0; index < 2 && count >= 0; index++) {
        int error = ask(fd, families[index], port);
        count = error == 0 ? take(fd, families[index], found, count, most) : error;
    }
    close(fd);
    return count;
}

int clp_local_port(int fd) {
    struct sockaddr_storage address;
    socklen_t size = sizeof address;
    if (getsockname(fd, (struct sockaddr *)&address, &size) != 0) return -errno;
    if (address.ss_family == AF_INET) return ntohs(((struct sockaddr_in *)&address)->sin_port);
    return -EAFNOSUPPORT;
}
