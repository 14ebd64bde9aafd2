import Foundation
import Glibc
import ModelManifests
import SecretFiles

/// Where everything of one controller's local serving lies:
///
///     id                              random, made once: part of the mark of every process
///     deployments/<namespace>/<name>  the last plan, the endpoint's port
///     space-reserve                   empty space for the day when the disk is full, see `SpaceReserve`
///     endpoint-ports.json             ports that no instance may take
///     instances/<id>/                 one folder an instance, see `InstanceFolder`
///     proxy/                          the proxy's lock, control socket and log
///     logs/<namespace>/<name>/<revision>/<instance>/   logs of instances that are gone
///     models/                         the model store's cache
///     secrets/<NAME>                  put there by the operator: what a manifest's `valueFrom` may name
public struct StateFolder: Hashable, Sendable {
    public let path: String

    public init(_ path: String) {
        // Absolute, for keepers and the proxy run in another folder.
        self.path = URL(fileURLWithPath: path).standardizedFileURL.path(percentEncoded: false)
            .trimmingTrailingSlash()
    }

    public init(_ url: URL) { self.init(url.path(percentEncoded: false)) }

    /// The model store's cache, by digest. Deployments share what is in it.
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
    /// The last routes that the proxy was given.
    var proxyRoutes: String { "\(proxy)/routes.json" }
    /// Held by the one keeper that looks after the proxy. Not in the proxy's folder: each try would be an event there.
    var proxyGuardLock: String { "\(path)/proxy-guard.lock" }
    /// Held while a keeper corrects the routes.
    var routesLock: String { "\(path)/routes.lock" }
    var proxyLog: String { "\(proxy)/proxy.log" }

    func instance(_ id: String) -> InstanceFolder { InstanceFolder(path: "\(instances)/\(id)") }

    /// All that the operator has put there: what a server may name where no project says less.
    public var secrets: SecretFolder { SecretFolder(path: "\(path)/secrets") }

    /// The state folder's own random name, made at first use.
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

    /// Of a socket, in bytes. The kernel takes a few more; SwiftNIO, which opens it, does not.
    static let longestSocketPath = 103

    func prepare() throws {
        for folder in [path, instances, deployments, logs, proxy] { try StateFile.makeFolder(folder) }
        // Before there are two who could make it: processes that carry different marks would not be known again.
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

/// Names from manifests that become parts of paths.
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
