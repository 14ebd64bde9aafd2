import ArgumentParser
import ControlAPI
import Foundation
import Glibc

/// The addresses that the controller itself listens on, with ports that are known before anything else is decided: no
/// endpoint and no model server can have them.
struct OwnPorts: Hashable, Sendable {
    var api: ListenAddress
    var probes: ListenAddress?

    /// What is taken, and by what.
    var reserved: [Int: String] {
        var reserved = [api.port: "the controller's own (--listen)"]
        if let probes { reserved[probes.port] = "the controller's own (--probes)" }
        return reserved
    }

    /// - Throws: `ValidationError` where one is no address, or both are the same.
    init(_ settings: RunSettings) throws {
        api = try Self.address(settings.listen, of: "--listen")
        probes = try settings.probes.map { try Self.address($0, of: "--probes") }
        guard probes?.port != api.port else {
            throw ValidationError(
                "--probes and --listen have the same port, \(api.port): choose another one for --probes")
        }
    }

    private static func address(_ text: String, of option: String) throws -> ListenAddress {
        do {
            let address = try ListenAddress(parsing: text)
            return address.port == 0 ? try address.withFreePort() : address
        } catch {
            throw ValidationError("\(option): \(error)")
        }
    }
}
