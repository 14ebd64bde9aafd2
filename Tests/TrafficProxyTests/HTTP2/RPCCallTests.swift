import Testing

@testable import TrafficProxy

@Suite("gRPC call")
struct RPCCallTests {
    @Test(
        "a time-out has one to eight digits and a unit",
        arguments: [
            ("1S", 1_000_000_000), ("250m", 250_000_000), ("1u", 1_000), ("7n", 7), ("2M", 120_000_000_000),
            ("1H", 3_600_000_000_000), ("99999999H", Int64.max), ("0S", 0),
        ] as [(String, Int64)])
    func timeout(text: String, nanoseconds: Int64) { #expect(RPCCall.timeoutNanoseconds(text) == nanoseconds) }

    @Test(
        "a malformed time-out is none",
        arguments: ["", "S", "1", "1s", "-1S", "+1S", "1.5S", "123456789S", "1 S", "٣S"])
    func malformedTimeout(text: String) { #expect(RPCCall.timeoutNanoseconds(text) == nil) }

    @Test("gRPC is told by the content type, and gRPC-Web is not gRPC")
    func contentType() {
        for type in ["application/grpc", "application/grpc+proto", "Application/gRPC;charset=x", "application/grpc "] {
            #expect(RPCCall.isCall(contentType: type))
        }
        for type in ["application/grpc-web", "application/grpc-web+proto", "application/json", "", "application/grpcx"]
        {
            #expect(!RPCCall.isCall(contentType: type))
        }
    }

    @Test("a client that ends a call just before its deadline ends it because of the deadline")
    func margin() {
        let call = RPCCall(startedAt: 1_000, timeoutNanoseconds: 1_000_000_000)
        #expect(call.deadline == 1_000_001_000)
        #expect(!call.isAbout(toEnd: 900_000_000))
        #expect(call.isAbout(toEnd: 960_000_000))
        let short = RPCCall(startedAt: 0, timeoutNanoseconds: 1_000_000)
        #expect(short.isAbout(toEnd: 0))
    }

    @Test("a call without a time-out has no deadline, and an endless one cannot overflow")
    func endless() {
        #expect(RPCCall(startedAt: 5, timeoutNanoseconds: nil).deadline == .max)
        #expect(!RPCCall(startedAt: 5, timeoutNanoseconds: nil).isAbout(toEnd: .max))
        #expect(RPCCall(startedAt: 5, timeoutNanoseconds: .max).deadline == .max)
    }
}
