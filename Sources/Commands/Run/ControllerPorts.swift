import ArgumentParser
import ControlAPI
import Foundation
import Glibc

/// The addresses that the controller itself listens on. Their ports are known before all others, so that no endpoint and no
/// model server gets them.
struct ControllerPorts: Hashable, Sendable {
    var api: ListenAddress
    var probes: ListenAddress?

    /// The reserved ports, with their purpose.
    var reserved: [Int: String] {
        var reserved = [api.port: "used by the controller (--listen)"]
        if let probes { reserved[probes.port] = "used by the controller (--probes)" }
        return reserved
    }

    /// - Throws: `ValidationError` where an address is invalid, or both have the same port.
    init(_ settings: RunSettings) throws {
        api = try Self.address(settings.listen, of: "--listen")
        probes = try settings.probes.map { try Self.address($0, of: "--probes") }
        guard probes?.port != api.port else {
            throw ValidationError(
                "--probes and --listen have the same port \(api.port); choose another port for --probes")
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
