import Testing

@testable import ModelStorage

struct TransferPlanTests {
    static let origin = (try? WebLocation("https://example.org/m"))!
    static let limits: StorageLimits = {
        var limits = StorageLimits()
        limits.maximumAttempts = 3
        limits.firstBackoff = .seconds(1)
        limits.maximumBackoff = .seconds(3)
        return limits
    }()

    private func plan(isVerified: Bool = true, validator: String? = nil, known: PinMemo.Validators? = nil)
        -> TransferPlan
    {
        TransferPlan(
            origin: Self.origin, isVerified: isVerified, validator: validator, known: known, limits: Self.limits)
    }

    private func head(_ lines: String...) -> ResponseHead {
        lines.reduce(into: ResponseHead()) { $0.take($1) }
    }

    private func code(_ action: TransferPlan.Action) -> StorageError.Code? {
        if case .fail(let error) = action { error.code } else { nil }
    }

    @Test("a whole answer completes the download")
    func whole() {
        var plan = plan()
        #expect(plan.start(bytes: 0) == .request(.init(location: Self.origin)))
        let head = head("HTTP/1.1 200 OK", "Content-Length: 10")
        #expect(plan.ended(.answered(head, redirect: nil), bytes: 10, before: 0) == .complete(head))
    }

    @Test("an interrupted download is resumed with the validator of its first part")
    func continued() {
        var plan = plan(isVerified: false)
        _ = plan.start(bytes: 0)
        let broken = head("HTTP/1.1 200 OK", "ETag: \"a\"")
        let next = TransferPlan.Request(location: Self.origin, offset: 4, ifRange: "\"a\"")
        #expect(
            plan.ended(.broken(.connection("reset"), broken), bytes: 4, before: 0) == .wait(.seconds(1), then: next))
        let rest = head("HTTP/1.1 206 Partial", "Content-Range: bytes 4-9/10")
        #expect(plan.ended(.answered(rest, redirect: nil), bytes: 10, before: 4) == .complete(rest))
    }

    @Test("without a validator, only a digest allows a download to resume")
    func unprovable() {
        for isVerified in [true, false] {
            var plan = plan(isVerified: isVerified)
            _ = plan.start(bytes: 0)
            let broken = head("HTTP/1.1 200 OK", "ETag: W/\"a\"")
            let next = TransferPlan.Request(location: Self.origin, offset: isVerified ? 4 : 0)
            #expect(
                plan.ended(.broken(.connection("reset"), broken), bytes: 4, before: 0) == .wait(.seconds(1), then: next)
            )
        }
    }

    @Test("a part that does not fit makes the download start again")
    func misfit() {
        var plan = plan()
        _ = plan.start(bytes: 4)
        let other = head("HTTP/1.1 206 Partial", "Content-Range: bytes 0-9/10")
        #expect(
            plan.ended(.answered(other, redirect: nil), bytes: 4, before: 4)
                == .wait(.seconds(1), then: .init(location: Self.origin)))
    }

    @Test("a range beyond the end completes the download if all bytes are there, and restarts it otherwise")
    func beyondTheEnd() {
        var plan = plan()
        _ = plan.start(bytes: 10)
        let all = head("HTTP/1.1 416 No", "Content-Range: bytes */10")
        #expect(plan.ended(.answered(all, redirect: nil), bytes: 10, before: 10) == .complete(all))
        let fewer = head("HTTP/1.1 416 No", "Content-Range: bytes */7")
        #expect(
            plan.ended(.answered(fewer, redirect: nil), bytes: 10, before: 10)
                == .wait(.seconds(1), then: .init(location: Self.origin)))
    }

    @Test("attempts without new bytes back off and are limited; attempts with new bytes reset the count")
    func attempts() {
        var plan = plan()
        _ = plan.start(bytes: 0)
        let down = TransferPlan.Outcome.broken(.connection("refused"), ResponseHead())
        #expect(plan.ended(down, bytes: 0, before: 0) == .wait(.seconds(1), then: .init(location: Self.origin)))
        #expect(plan.ended(down, bytes: 0, before: 0) == .wait(.seconds(2), then: .init(location: Self.origin)))
        for bytes in Int64(1)...100 {
            #expect(code(plan.ended(down, bytes: bytes, before: bytes - 1)) == nil)
        }
        _ = plan.ended(down, bytes: 100, before: 100)
        _ = plan.ended(down, bytes: 100, before: 100)
        #expect(code(plan.ended(down, bytes: 100, before: 100)) == .unreachable)
    }

    @Test("attempts with new bytes are limited too")
    func endless() {
        var plan = plan()
        _ = plan.start(bytes: 0)
        let down = TransferPlan.Outcome.broken(.connection("reset"), ResponseHead())
        let codes = (Int64(1)...300).map { code(plan.ended(down, bytes: $0, before: $0 - 1)) }
        #expect(codes.firstIndex(of: .unreachable) == Self.limits.maximumAttemptsInAll - 1)
    }

    @Test(
        "each status leads to the right action",
        arguments: [
            (404, StorageError.Code.notFound), (410, .notFound), (401, .unauthorized), (403, .unauthorized),
            (400, .protocolError), (304, .protocolError), (204, .protocolError),
        ])
    func statuses(status: Int, code expected: StorageError.Code) {
        var plan = plan()
        _ = plan.start(bytes: 0)
        #expect(code(plan.ended(.answered(head("HTTP/2 \(status)"), redirect: nil), bytes: 0, before: 0)) == expected)
    }

    @Test("a busy server is asked again after the time that it names, within limits")
    func busy() {
        var plan = plan()
        _ = plan.start(bytes: 0)
        let busy = head("HTTP/1.1 503 Busy", "Retry-After: 2")
        #expect(
            plan.ended(.answered(busy, redirect: nil), bytes: 0, before: 0)
                == .wait(.seconds(2), then: .init(location: Self.origin)))
        let veryBusy = head("HTTP/1.1 429 Busy", "Retry-After: 86400")
        #expect(
            plan.ended(.answered(veryBusy, redirect: nil), bytes: 0, before: 0)
                == .wait(.seconds(3), then: .init(location: Self.origin)))
    }

    @Test("redirects are followed up to a limit, and never away from https:")
    func redirects() throws {
        var plan = plan()
        _ = plan.start(bytes: 0)
        let moved = head("HTTP/1.1 302 Found")
        let cdn = try WebLocation("https://cdn.example.org/m")
        for _ in 0..<Self.limits.maximumRedirects {
            #expect(
                plan.ended(.answered(moved, redirect: cdn.url), bytes: 0, before: 0) == .request(.init(location: cdn)))
        }
        #expect(code(plan.ended(.answered(moved, redirect: cdn.url), bytes: 0, before: 0)) == .protocolError)
        var other = self.plan()
        _ = other.start(bytes: 0)
        let out = TransferPlan.Outcome.answered(moved, redirect: "http://example.org/m")
        #expect(code(other.ended(out, bytes: 0, before: 0)) == .protocolError)
    }

    @Test("known content is requested only if it changed")
    func known() throws {
        let validators = try #require(PinMemo.Validators(head("HTTP/1.1 200 OK", "ETag: \"a\"")))
        var plan = plan(isVerified: false, known: validators)
        #expect(plan.start(bytes: 0) == .request(.init(location: Self.origin, ifNoneMatch: "\"a\"")))
        #expect(plan.ended(.answered(head("HTTP/1.1 304 Same"), redirect: nil), bytes: 0, before: 0) == .unchanged)
    }

    @Test("a full disk, a bad certificate and a file that is too large end the download at once")
    func final() {
        let full = StorageError(.diskFull, "full")
        let cases: [(TransferPlan.Break, StorageError.Code)] = [
            (.failed(full), .diskFull), (.certificate("x"), .untrusted), (.tooLarge, .tooLarge),
        ]
        for (reason, expected) in cases {
            var plan = plan()
            _ = plan.start(bytes: 0)
            #expect(code(plan.ended(.broken(reason, ResponseHead()), bytes: 0, before: 0)) == expected)
        }
    }

    @Test("header names are matched in any case, and a new status line starts a new head")
    func heads() {
        let head = head(
            "HTTP/1.1 302 Found", "ETag: \"old\"", "HTTP/1.1 206 Partial", "etag:  \"new\"",
            "CONTENT-RANGE: bytes 5-9/*",
            "Content-Length: 5", "nonsense")
        #expect(head.status == 206)
        #expect(head.etag == "\"new\"")
        #expect(head.rangeStart == 5)
        #expect(head.totalBytes == nil)
        #expect(head.body(after: 5) == .append)
        #expect(head.body(after: 4) == .ignore)
    }

    @Test("a negative length or delay is ignored")
    func negative() {
        let head = head(
            "HTTP/1.1 206 Partial", "content-length: -1", "content-range: bytes 5-9/-9223372036854775808",
            "retry-after: -7")
        #expect((head.contentLength, head.totalBytes) == (nil, nil))
        #expect(head.retryAfterSeconds == nil && head.rangeStart == 5)
    }
}
