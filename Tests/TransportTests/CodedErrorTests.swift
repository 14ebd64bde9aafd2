import Testing

@testable import Transport

@Suite("A coded error")
struct CodedErrorTests {
    private enum Code: ErrorCode {
        case away, wrong

        var retryClass: RetryClass { self == .away ? .transient : .terminal }
    }

    @Test("says how it may be retried: by its code, or by itself")
    func retry() {
        #expect(CodedError(Code.away, "m").retryClass == .transient)
        #expect(CodedError(Code.wrong, "m").retryClass == .terminal)
        #expect(CodedError(Code.wrong, "m", retry: .waiting).retryClass == .waiting)
    }

    @Test("shows people its message, and keeps its place for programs")
    func words() {
        let error = CodedError(Code.away, "the disk is full: free some", at: "/a")
        #expect("\(error)" == "the disk is full: free some" && error.place == "/a")
        #expect(error != CodedError(Code.away, "the disk is full: free some"))
    }
}
