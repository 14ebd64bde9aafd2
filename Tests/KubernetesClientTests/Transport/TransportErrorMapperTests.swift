import AsyncHTTPClient
import Foundation
import NIOCore
import NIOPosix
import Testing
import Transport

@testable import KubernetesClient

@Suite("Messages of failed calls")
struct TransportErrorMapperTests {
    private func message(_ error: any Error) async throws -> String {
        let connection = ClusterConnection(server: "https://10.0.0.1:6443", credentials: StaticCredentials())
        let failure = TransportErrorMapper(
            address: try ServerAddress(connection), trust: ServerTrust(), stopwatch: ClientClock())
        let told = await failure.error(error, request: APIRequest(.get, "/version"), limit: .seconds(30))
        return try #require(told as? APIError).message
    }

    @Test(
        "a closed connection gives the same message, whichever layer saw it",
        arguments: [
            HTTPClientError.remoteConnectionClosed, ChannelError.ioOnClosedChannel, ChannelError.alreadyClosed,
            ChannelError.eof,
        ] as [any Error & Sendable])
    func closed(_ error: any Error & Sendable) async throws {
        #expect(try await message(error) == "10.0.0.1:6443 closed the connection.")
    }

    @Test("messages for system errors name the server, and what to check")
    func system() async throws {
        let refused = try await message(IOError(errnoCode: ECONNREFUSED, reason: "connect"))
        #expect(refused.hasPrefix("10.0.0.1:6443 refuses connections: nothing listens there. Check"))
        #expect(
            try await message(IOError(errnoCode: EPIPE, reason: "write")) == "10.0.0.1:6443 reset the connection.")
        let silent = try await message(DeadlineExceeded(limit: .seconds(1)))
        #expect(silent.hasPrefix("10.0.0.1:6443 did not answer within 30.0 seconds. Check"))
    }

    @Test("a cancelled caller gets no other error")
    func cancelled() async throws {
        let connection = ClusterConnection(server: "https://10.0.0.1:6443", credentials: StaticCredentials())
        let failure = TransportErrorMapper(
            address: try ServerAddress(connection), trust: ServerTrust(), stopwatch: ClientClock())
        let told = await failure.error(
            CancellationError(), request: APIRequest(.get, "/version"), limit: .seconds(30))
        #expect(told is CancellationError)
    }
}
