import Foundation
import Transport

@testable import ControlAPI
@testable import Notifications
@testable import Serving

/// Requests to the control API, and the answers that its client reads.
extension FuzzTarget {
    static let eventStream = FuzzTarget(
        "event-stream", reads: "server-sent events that a client of the API receives", of: ["ControlAPI"],
        words: [
            "id: ", "event: ", "data: ", ": alive\n\n", "\n", "\r\n", "\r", "\n\n", "retry: ", "\u{0}", " ", "\u{301}",
            "data",
        ]
    ) { input in
        var whole = ServerSentEventParser()
        let events = try? whole.feed(input)
        var cut = ServerSentEventParser()
        var eventsOfPieces: [ServerSentEvent] = []
        for piece in Cuts.pieces(of: input) { eventsOfPieces += (try? cut.feed(piece)) ?? [] }
        try demand(eventsOfPieces == events, "in pieces \(eventsOfPieces), and whole \(String(describing: events))")
        try demand(whole.lastEventId == cut.lastEventId, "another last event ID if split into pieces")
        for event in events ?? [] {
            try demand(event.data.utf8.count <= input.count * 3, "\(event.data.utf8.count) bytes of \(input.count)")
            var reader = ServerSentEventParser()
            var read = event
            // Fields of one line each, like those that the server writes.
            guard !event.event.contains(where: \.isNewline), !event.event.hasPrefix(" ") else { continue }
            if let id = event.id, id.contains("\0") || id.contains(where: \.isNewline) || id.hasPrefix(" ") {
                read.id = nil
            }
            try demand(
                (try? reader.feed(read.text.utf8)) == [read], "\(read) was written as \(read.text.debugDescription)")
        }
    }

    static let signedRequests = FuzzTarget(
        "signed-requests", reads: "credentials, origins, times and addresses in requests to the API",
        of: ["ControlAPI", "Serving"],
        words: FuzzTargets.extremes + [
            "MLCTL-HMAC-SHA256 ", "challenge=", "nonce=AAAAAAAAAAAAAAAAAAAAAA", "body=", "mac=", ", ", "Bearer ",
            "2026-11-20T09:30:00",
            ".250", "Z", "+01:00", "-00:00", "127.0.0.1:8090", "[::1]:80", ":0", "localhost", "http://", "https://h",
            "rev-0123456789abcdef-",
        ]
    ) { input in
        let text = String(decoding: input, as: UTF8.self)
        if let signature = RequestSignature(authorization: text) {
            try demand(
                RequestSignature(authorization: signature.authorization) == signature, "\(signature) is another one")
            try demand(!Challenges().isFresh(signature.challenge), "a challenge that was not given out is taken")
        }
        try demand(!AnswerProof.isValid(text, nonce: "n", status: 200, secret: "s"), "an answer is proved by \(text)")
        if let data = Base64URL.decode(text) {
            try demand(Base64URL.decode(Base64URL.encode(data)) == data, "other bytes")
        }
        if let date = RFC3339.date(text) {
            let again = RFC3339.text(date)
            guard let read = RFC3339.date(again) else { throw Violation(description: "\(again) cannot be read") }
            let isWithinCalendar =
                date.timeIntervalSince1970 >= -62_135_596_800 && date.timeIntervalSince1970 < 253_402_300_799
            if isWithinCalendar {
                try demand(abs(read.timeIntervalSince(date)) < 0.001, "\(text.debugDescription) became \(again)")
            }
            try demand(RFC3339.text(read) == again, "\(again) became \(RFC3339.text(read))")
        }
        if let address = try? ListenAddress(parsing: text) {
            try demand((0...65_535).contains(address.port) && !address.host.isEmpty, "an address \(address)")
        }
        if TokenText.problem(with: text) == nil {
            try demand(text.utf8.count >= TokenText.fewestCharacters, "\(text) is a token")
        }
        let doors = RequestGuard(listenHost: "127.0.0.1")
        let head = RequestGuard.Head(
            path: text, isRead: false, authority: text, origin: "http://\(text)", fetchSite: nil)
        let isOpen = text == APIPath.gitHook || text == BrowserPath.login
        try demand(doors.door(of: head) != .open || isOpen, "it opens \(text.debugDescription)")
        let key = RequestIdentityKey(low: 1, high: 2)
        try demand(RequestIdentity(text, of: .init(name: "d"), key: key) == nil, "a request id is made up: \(text)")
        if let identity = RequestIdentity(unverified: text) {
            let proper = identity.text(of: .init(name: "d"), key: key)
            try demand(RequestIdentity(proper, of: .init(name: "d"), key: key) == identity, "\(proper) is another id")
        }
        _ = (try? Query.position(text, named: "since"), Query.isName(text))
    }

    static let outcomes = FuzzTarget(
        "outcomes", reads: "outcomes, as users report them", of: ["ControlAPI"],
        words: FuzzTargets.json + FuzzTargets.extremes + [
            "\"requestId\":\"r\"", "\"label\":\"correct\"", "\"value\":", "\"correct\":", "\"outcomes\":[", "\n",
        ], triesInTests: 100
    ) { input in
        for isLines in [false, true] {
            guard let body = try? OutcomeBody(Data(input), isLines: isLines) else { continue }
            let count = body.outcomes.count + body.refusals.count
            try demand((0...APILimits.outcomes).contains(count) && count <= input.count, "\(count) outcomes")
            try demand(body.outcomes.allSatisfy(\.value.isFinite), "a value that is not finite")
        }
    }

    static let hookDelivery = FuzzTarget(
        "hook-delivery", reads: "what git servers, and everybody else, send to the git hook",
        of: ["ControlAPI", "JSON"],
        words: FuzzTargets.json + [
            "\"ref\":\"refs/heads/main\"", "\"ref_type\":\"tag\"", "\"push\":{\"changes\":[",
            "\"new\":{\"type\":\"tag\",\"name\":",
            "\"repository\":{", "\"clone_url\":\"https://h/a/b.git\"", "\"links\":", "\"href\":", "payload=", "%7B",
            "+",
        ], triesInTests: 100
    ) { input in
        let body = Data(input)
        for name in ["x-github-event", "x-gitea-event", "x-gitlab-event", "x-event-key", "none"] {
            let fields = [name: name == "x-event-key" ? "repo:push" : "push"]
            let delivery = HookDelivery(field: { fields[$0] }, body: body)
            try demand(delivery.proof == .none, "a proof comes from the body")
            try demand(delivery.repositories.allSatisfy { !$0.contains("://") }, "\(delivery.repositories)")
            let rule = HookRule(project: "p", repo: "/r", reference: .branch("main"), secretFile: "/nonexistent/secret")
            try demand(HookDecision(delivery, body: body, rules: [rule]).checked.isEmpty, "accepted without a secret")
        }
    }

    static let browserInput = FuzzTarget(
        "browser-input", reads: "forms, cookies and addresses, as browsers send them", of: ["ControlAPI"],
        words: [
            "token=", "code=", "next=", "seen=", "csrf=", "&", "=", "+", "%2F", "%", "deployments/", "?", ";",
            "mlctl-session=",
            ".", "//", "..",
        ]
    ) { input in
        let text = String(decoding: input, as: UTF8.self)
        if let form = FormBody(parsing: Array(input)) {
            try demand(form.all.count <= FormBody.mostFields, "\(form.all.count) fields")
        }
        let next = BrowserPath.next(text)
        try demand(next.isEmpty || next == text, "\(text.debugDescription) leads to \(next)")
        try demand(!next.contains("//") && !next.hasPrefix("/") && !next.contains(":"), "it leads to \(next)")
        let sessions = BrowserSessions(register: TokenRegistry())
        try demand(sessions.holder(of: text) == nil, "a cookie is made up: \(text.debugDescription)")
        let value = BrowserCookie.value(in: text, name: "mlctl-session")
        try demand(value.map { text.contains($0) && !$0.contains(";") } ?? true, "the cookie \(value ?? "")")
    }

    static let webhookAddress = FuzzTarget(
        "webhook-address", reads: "addresses that events are sent to, with secrets in their paths",
        of: ["Notifications"],
        words: [
            "https://", "http://", "localhost", "127.0.0.1", "[::1]", "user:s3cr3t@", "/s3cr3t", "?k=s3cr3t", "#",
            ":80", "%", "@",
        ]
    ) { input in
        let text = String(decoding: input, as: UTF8.self)
        do {
            let address = try WebhookAddress(text)
            try demand(address.url == text, "it is sent to \(address.url)")
            try demand(!address.shown.dropFirst("https://".count).contains("/"), "a path is shown: \(address.shown)")
            try demand(
                address.shown.hasPrefix("https://") || address.shown.hasPrefix("http://"), "sent to \(address.shown)")
        } catch let error as NotificationError {
            let isInPath = text.contains("/s3cr3t") && !text.contains("//s3cr3t") || text.contains("?k=s3cr3t")
            guard isInPath, text.ranges(of: "s3cr3t").count == 1 else { return }
            try demand(!"\(error)".contains("s3cr3t"), "a secret is shown: \(error)")
        }
        if let secret = try? WebhookSecret(Data(input)) {
            try demand(
                (WebhookSecret.fewestBytes...WebhookSecret.mostBytes).contains(input.count), "\(input.count) bytes")
            try demand("\(secret)" == "(secret)", "a secret is shown")
        }
    }
}
