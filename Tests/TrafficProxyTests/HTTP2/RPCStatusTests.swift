import Testing

@testable import TrafficProxy

@Suite("Status of a gRPC call")
struct RPCStatusTests {
    @Test("what the server could not do counts as an error, and what the client should not have asked as a rejection")
    func classes() {
        let errors: Set<RPCStatus> = [
            .unavailable, .internal, .unknown, .dataLoss, .deadlineExceeded, .resourceExhausted,
        ]
        for status in RPCStatus.allCases {
            #expect(status.isError == errors.contains(status))
            #expect(status.isRejection == (status != .ok && !errors.contains(status)))
            let outcome = RequestOutcome.call(status)
            #expect(outcome.isError == status.isError)
            #expect(outcome.isRejected == status.isRejection)
        }
    }

    @Test(
        "a field is read strictly, and anything else is unknown",
        arguments: [
            ("0", RPCStatus.ok), ("14", .unavailable), ("16", .unauthenticated), ("17", .unknown), ("", .unknown),
            ("-1", .unknown), ("+1", .unknown), ("1 ", .unknown), ("014", .unknown), ("OK", .unknown),
        ])
    func field(text: String, status: RPCStatus) { #expect(RPCStatus(field: text) == status) }

    @Test("a call without a status has that of its HTTP status")
    func httpStatus() {
        #expect(RPCStatus(httpStatus: 503) == .unavailable)
        #expect(RPCStatus(httpStatus: 404) == .unimplemented)
        #expect(RPCStatus(httpStatus: 200) == .unknown)
    }

    @Test("a reset stream has the status that gRPC gives its code")
    func reset() {
        #expect(RPCStatus(reset: 7) == .unavailable)
        #expect(RPCStatus(reset: 8) == .cancelled)
        #expect(RPCStatus(reset: 2) == .internal)
    }

    @Test("an answer of the proxy itself says unavailable, unless it is about the time or the request")
    func ownReply() {
        #expect(RPCStatus(ownReply: 502) == .unavailable)
        #expect(RPCStatus(ownReply: 503) == .unavailable)
        #expect(RPCStatus(ownReply: 504) == .deadlineExceeded)
        #expect(RPCStatus(ownReply: 501) == .unimplemented)
        #expect(RPCStatus(ownReply: 431) == .resourceExhausted)
    }

    @Test("a message is percent-encoded where it is not printable ASCII")
    func message() {
        #expect(RPCStatus.message("50% of é\r\n") == "50%25 of %C3%A9%0D%0A")
    }
}
