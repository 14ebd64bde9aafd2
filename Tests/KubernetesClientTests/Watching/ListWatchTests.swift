import TestSupport
import Testing

@testable import KubernetesClient

/// The waits are not random, so that whole actions can be compared: the generator always returns the largest number.
private struct Largest: RandomNumberGenerator, Sendable {
    mutating func next() -> UInt64 { .max }
}

@Suite("List and watch, as a state machine")
struct ListWatchTests {
    private typealias Machine = ListWatch<Largest>

    /// With the largest random number every wait is its longest, and every watch lasts twice the minimum.
    private static let watchTimeout = Duration.seconds(600)
    private static let gone = APIError(.status(code: 410, reason: "Expired"), message: "too old")
    private static let away = APIError(.transport, message: "refused")

    private func machine(streaming: Bool = false) -> Machine {
        var settings = Machine.Settings()
        settings.streamsInitialEvents = streaming
        return Machine(settings, generator: Largest())
    }

    private func isAbout(_ action: Machine.Action, _ expected: Duration) -> Bool {
        guard case .wait(let wait) = action else { return false }
        return wait > expected * 0.999 && wait <= expected
    }

    private static func watch(_ version: String) -> Machine.Request {
        .watch(version: version, timeout: watchTimeout)
    }

    /// The time-out of a request, rounded: it is computed in floating point.
    private func rounded(_ action: Machine.Action) -> Machine.Action {
        func rounded(_ request: Machine.Request) -> Machine.Request {
            switch request {
            case .watch(let version, let timeout): .watch(version: version, timeout: seconds(timeout))
            case .stream(let timeout): .stream(timeout: seconds(timeout))
            case .list: request
            }
        }
        return switch action {
        case .ask(let request): .ask(rounded(request))
        case .replace(let request): .replace(then: rounded(request))
        case .wait: action
        }
    }

    private func seconds(_ duration: Duration) -> Duration { .seconds((duration / .seconds(1)).rounded()) }

    @Test("all pages are read, then the changes after the last one are watched")
    func pages() {
        var machine = machine()
        #expect(machine.start() == .ask(.list(token: nil, limit: 200)))
        #expect(machine.received(pageOf: "7", continuing: "next") == .ask(.list(token: "next", limit: 200)))
        let end = machine.received(pageOf: "7", continuing: nil)
        #expect(rounded(end) == .replace(then: Self.watch("7")))
        #expect(machine.state == .watching(version: "7"))
    }

    @Test("a 410 between pages starts the list again")
    func expiredPage() {
        var machine = machine()
        _ = machine.start()
        _ = machine.received(pageOf: "7", continuing: "next")
        #expect(machine.failed(Self.gone) == .ask(.list(token: nil, limit: 200)))
    }

    @Test("a list that was made elsewhere is watched from its version, and made again if that is too old")
    func listedAlready() {
        var machine = machine()
        #expect(rounded(machine.start(after: "7")) == .replace(then: Self.watch("7")))
        #expect(machine.failed(Self.gone) == .ask(.list(token: nil, limit: 200)))
    }

    @Test("a page that failed for a moment is requested again, not the whole list")
    func failedPage() {
        var machine = machine()
        _ = machine.start()
        _ = machine.received(pageOf: "7", continuing: "next")
        #expect(isAbout(machine.failed(Self.away), .milliseconds(500)))
        #expect(machine.waited() == .ask(.list(token: "next", limit: 200)))
    }

    private func watching(streaming: Bool = false) -> Machine {
        var machine = machine(streaming: streaming)
        _ = machine.start()
        if streaming {
            _ = machine.received(.bookmark(version: "7", endsInitialEvents: true))
        } else {
            _ = machine.received(pageOf: "7", continuing: nil)
        }
        return machine
    }

    @Test("a watch that ends resumes at once after the last version, of an object or a bookmark")
    func resume() {
        var machine = watching()
        #expect(machine.received(.object(version: "8")) == .apply)
        let afterObject = machine.watchEnded(after: .seconds(400))
        #expect(rounded(afterObject) == .ask(Self.watch("8")))
        #expect(machine.received(.bookmark(version: "12", endsInitialEvents: false)) == .ignore)
        let afterBookmark = machine.watchEnded(after: .seconds(5))
        #expect(rounded(afterBookmark) == .ask(Self.watch("12")))
    }

    @Test("watches that end too soon are resumed after waits that grow to two seconds and no further")
    func tooSoon() {
        var machine = watching()
        for expected in [100, 200, 400, 800, 1600, 2000, 2000] {
            let action = machine.watchEnded(after: .seconds(1))
            #expect(isAbout(action, .milliseconds(expected)))
            let next = machine.waited()
            #expect(rounded(next) == .ask(Self.watch("7")))
        }
        let longer = machine.watchEnded(after: .seconds(6))
        #expect(rounded(longer) == .ask(Self.watch("7")))
        #expect(isAbout(machine.watchEnded(after: .seconds(1)), .milliseconds(100)))
    }

    @Test("a 410, as an answer or an event, lists again; a repeated one does so after a wait")
    func gone() {
        var machine = watching()
        #expect(machine.received(.error(Self.gone)) == .stop(.ask(.list(token: nil, limit: 200))))
        _ = machine.received(pageOf: "9", continuing: nil)
        #expect(isAbout(machine.failed(Self.gone), .milliseconds(500)))
        #expect(machine.waited() == .ask(.list(token: nil, limit: 200)))
        _ = machine.received(pageOf: "10", continuing: nil)
        #expect(machine.received(.object(version: "11")) == .apply)
        #expect(machine.failed(Self.gone) == .ask(.list(token: nil, limit: 200)))
    }

    @Test("a version that the server has never seen leads to a new list")
    func unknownVersion() {
        var machine = watching()
        let restored = APIError(
            .status(code: 504, reason: "Timeout"), message: "Too large resource version",
            causes: [.init(reason: "ResourceVersionTooLarge")])
        #expect(machine.failed(restored) == .ask(.list(token: nil, limit: 200)))
    }

    @Test("waits after errors grow to half a minute; an answer resets them")
    func failures() {
        var machine = watching()
        for expected in [0.5, 1, 2, 4, 8, 16, 30, 30] {
            #expect(isAbout(machine.failed(Self.away), .seconds(expected)))
            _ = machine.waited()
        }
        #expect(machine.received(.object(version: "8")) == .apply)
        #expect(isAbout(machine.failed(Self.away), .milliseconds(500)))
    }

    @Test("Retry-After is the shortest wait")
    func retryAfter() {
        var machine = machine()
        _ = machine.start()
        let busy = APIError(.status(code: 429, reason: ""), message: "", retryAfter: .seconds(9))
        #expect(machine.failed(busy) == .wait(.seconds(9)))
    }

    @Test("a watch that begins with all objects gathers them until the bookmark, and continues")
    func streaming() {
        var machine = machine(streaming: true)
        let first = machine.start()
        #expect(rounded(first) == .ask(.stream(timeout: Self.watchTimeout)))
        #expect(machine.received(.object(version: "3")) == .gather)
        #expect(machine.received(.bookmark(version: "5", endsInitialEvents: false)) == .ignore)
        #expect(machine.received(.bookmark(version: "7", endsInitialEvents: true)) == .replace)
        #expect(machine.received(.object(version: "8")) == .apply)
        let resumed = machine.watchEnded(after: .seconds(60))
        #expect(rounded(resumed) == .ask(Self.watch("8")))
    }

    @Test("without such watches on the server a list is used from then on", arguments: [400, 422, 500])
    func streamingRefused(code: Int) {
        var machine = machine(streaming: true)
        _ = machine.start()
        let refused = APIError(.status(code: code, reason: "Invalid"), message: "sendInitialEvents is forbidden")
        #expect(machine.failed(refused) == .ask(.list(token: nil, limit: 200)))
        _ = machine.received(pageOf: "7", continuing: nil)
        #expect(machine.failed(Self.gone) == .ask(.list(token: nil, limit: 200)))
    }

    @Test("an interrupted stream of initial objects starts again")
    func streamingBroken() {
        var machine = machine(streaming: true)
        _ = machine.start()
        _ = machine.received(.object(version: "3"))
        #expect(isAbout(machine.watchEnded(after: .seconds(1)), .milliseconds(100)))
        let next = machine.waited()
        #expect(rounded(next) == .ask(.stream(timeout: Self.watchTimeout)))
    }
}
