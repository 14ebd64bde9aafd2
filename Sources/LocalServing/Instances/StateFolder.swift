import Foundation
import Glibc
import ModelManifests
import SecretFiles

/// The files of one controller's local serving:
///
///     id                              random, created once: part of the mark of every process
///     deployments/<namespace>/<name>  the last plan, the endpoint's port
///     space-reserve                   occupies space that is released when the disk is full, see `DiskSpaceReserve`
///     endpoint-ports.json             ports that no instance may use
///     instances/<id>/                 one folder per instance, see `InstanceFolder`
///     proxy/                          the proxy's lock, control socket and log
///     logs/<namespace>/<name>/<revision>/<instance>/   logs of removed instances
///     models/                         the model store's cache
///     secrets/<NAME>                  written by the operator: what a manifest's `valueFrom` may name
package struct StateFolder: Hashable, Sendable {
    package let path: String

    package init(_ path: String) {
        // Absolute, because keepers and the proxy run in another folder.
        self.path = URL(fileURLWithPath: path).standardizedFileURL.path(percentEncoded: false)
            .trimmingTrailingSlash()
    }

    package init(_ url: URL) { self.init(url.path(percentEncoded: false)) }

    /// The model store's cache, by digest. Deployments share its files.
    var models: String { "\(path)/models" }
    var instances: String { "\(path)/instances" }
    var deployments: String { "\(path)/deployments" }
    var spaceReserve: String { "\(path)/space-reserve" }
    var endpointPorts: String { "\(path)/endpoint-ports.json" }
    var controllerLock: String { "\(path)/controller.lock" }
    var logs: String { "\(path)/logs" }
    var proxy: String { "\(path)/proxy" }
    var proxyLock: String { "\(proxy)/lock" }
    var proxySocket: String { "\(proxy)/control.sock" }
    /// The last routes that the proxy received.
    var proxyRoutes: String { "\(proxy)/routes.json" }
    /// Locked by the one keeper that watches over the proxy. Outside the proxy's folder, where each attempt would cause an event.
    var proxyGuardLock: String { "\(path)/proxy-guard.lock" }
    /// Locked while a keeper corrects the routes.
    var routesLock: String { "\(path)/routes.lock" }
    var proxyLog: String { "\(proxy)/proxy.log" }

    func instance(_ id: String) -> InstanceFolder { InstanceFolder(path: "\(instances)/\(id)") }

    /// All secrets that the operator wrote. A server may use them unless its project allows fewer.
    package var secrets: SecretFolder { SecretFolder(path: "\(path)/secrets") }

    /// The random name of this state folder, created on first use.
    func identity() throws -> String {
        let file = "\(path)/id"
        if let bytes = readSmallFile(file, limit: 64), bytes.count == 16 {
            return String(decoding: bytes, as: UTF8.self)
        }
        try StateFile.makeFolder(path)
        let made = String(UInt64.random(in: .min ... .max), radix: 16)
        try StateFile.write(bytes: Array((String(repeating: "0", count: 16 - made.count) + made).utf8), to: file)
        return String(decoding: readSmallFile(file, limit: 64) ?? [], as: UTF8.self)
    }

    /// Bytes of a socket's path. The kernel accepts a few more, but SwiftNIO, which opens the socket, does not.
    static let longestSocketPath = 103

    func prepare() throws {
        for folder in [path, instances, deployments, logs, proxy] { try StateFile.makeFolder(folder) }
        // Created now, while only one process can do it: processes with different marks would not be recognized later.
        _ = try identity()
        guard proxySocket.utf8.count <= Self.longestSocketPath else {
            let most = path.utf8.count - (proxySocket.utf8.count - Self.longestSocketPath)
            throw LocalServingError(
                .invalidName,
                "the state folder's path is too long for a unix socket: \(path). Use one of at most \(most) bytes.")
        }
    }

    func keptLogs(_ deployment: DeploymentKey) -> String {
        "\(logs)/\(deployment.namespace)/\(deployment.name)"
    }
}

/// Checks names from manifests before they become part of a path.
enum SafeName {
    static let maximumBytes = 200

    static func isSafe(_ name: String) -> Bool {
        guard let first = name.utf8.first, name.utf8.count <= maximumBytes, first != UInt8(ascii: ".") else {
            return false
        }
        return name.utf8.allSatisfy { byte in
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "."), UInt8(ascii: "_"), UInt8(ascii: "-"):
                true
            default: false
            }
        }
    }

    static func check(_ deployment: DeploymentKey) throws {
        for name in [deployment.namespace, deployment.name] where !isSafe(name) {
            throw LocalServingError(
                .invalidName,
                "\(name.debugDescription) cannot be a folder's name. Use letters, digits, '.', '_' and '-'.")
        }
    }
}

extension String {
    fileprivate func trimmingTrailingSlash() -> String { count > 1 && hasSuffix("/") ? String(dropLast()) : self }
}
