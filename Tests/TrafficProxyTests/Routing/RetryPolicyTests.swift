import Testing

@testable import TrafficProxy

@Suite struct RetryPolicyTests {
    private func decide(
        _ failure: RetryPolicy.Failure, mayRepeat: Bool = true, isHeld: Bool = true, attempts: Int = 1,
        hasAnotherInstance: Bool = true
    ) -> RetryPolicy.Decision {
        RetryPolicy.decide(
            failure,
            .init(mayRepeat: mayRepeat, isHeld: isHeld, attempts: attempts, hasAnotherInstance: hasAnotherInstance),
            attemptsMax: 3)
    }

    @Test("a refused connection is an error, and another instance takes any request because nothing was sent")
    func refused() {
        #expect(decide(.connect, mayRepeat: false) == .init(retries: true, isError: true))
        #expect(decide(.connect, hasAnotherInstance: false) == .init(retries: false, isError: true))
    }

    @Test("an idle connection that ends is not an error, whether or not the request can be sent again")
    func stale() {
        #expect(decide(.staleConnection) == .init(retries: true, isError: false))
        #expect(decide(.staleConnection, hasAnotherInstance: false) == .init(retries: true, isError: false))
        #expect(decide(.staleConnection, mayRepeat: false) == .init(retries: false, isError: false))
    }

    @Test("a request that no instance received is sent again, whatever its method, and is not an error")
    func untaken() {
        #expect(decide(.untaken, mayRepeat: false) == .init(retries: true, isError: false))
        #expect(decide(.untaken, isHeld: false) == .init(retries: false, isError: false))
        #expect(decide(.untaken, attempts: 3) == .init(retries: false, isError: false))
    }

    @Test("a request that an instance read and did not answer is its error, unless it can be sent again")
    func unanswered() {
        #expect(decide(.unanswered) == .init(retries: true, isError: false))
        #expect(decide(.unanswered, mayRepeat: false) == .init(retries: false, isError: true))
        #expect(decide(.unanswered, attempts: 3) == .init(retries: false, isError: true))
    }

    @Test(
        "an instance that may have acted on a request does not get it again",
        arguments: [RetryPolicy.Failure.freshConnection, .timeOut, .malformedAnswer])
    func acted(failure: RetryPolicy.Failure) {
        #expect(decide(failure) == .init(retries: false, isError: true))
    }

    @Test("a request that is not fully buffered, or was tried often enough, is not sent again")
    func bounds() {
        #expect(!decide(.connect, isHeld: false).retries)
        #expect(!decide(.staleConnection, isHeld: false).retries)
        #expect(decide(.connect, attempts: 2).retries)
        #expect(!decide(.connect, attempts: 3).retries)
    }
}
