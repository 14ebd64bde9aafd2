import Glibc
import Serving

/// The folder of one instance.
struct InstanceFolder: Hashable, Sendable {
    let path: String

    var id: String { String(path[(path.lastIndex(of: "/").map(path.index(after:)) ?? path.startIndex)...]) }

    /// The journal, written before the instance starts.
    var spec: String { "\(path)/spec.json" }
    /// Written by the keeper on every change.
    var status: String { "\(path)/status.json" }
    /// Locked by the keeper while it runs.
    var lock: String { "\(path)/lock" }
    /// Exists if the instance should end. It stays, so a keeper that starts later also sees it.
    var stop: String { "\(path)/stop" }
    /// Written by the controller when the instance starts to drain: it gets no new requests, and this cannot be undone.
    var leaving: String { "\(path)/leaving.json" }
    /// A named pipe. A byte in it wakes the keeper.
    var bell: String { "\(path)/bell" }
    var logs: String { "\(path)/logs" }
    var serverLog: String { "\(logs)/server.log" }
    var keeperLog: String { "\(logs)/keeper.log" }
    /// A named pipe for the server's stdout and stderr. The server itself holds it open for reading too. So the server's writes
    /// do not fail if the keeper is killed, and the next keeper continues to read.
    var logPipe: String { "\(logs)/pipe" }
    /// The instance's own copy of the model's files, used where mounts are not permitted.
    var model: String { "\(path)/model" }
    /// The working folder of a model without files.
    var work: String { "\(path)/work" }

    /// Asks the instance to end. Idempotent. The request survives a crash of either side. If it cannot be written to disk, it
    /// goes through the bell only, to the keeper that runs now.
    func requestStop() throws {
        do {
            try StateFile.write(bytes: [], to: stop)
            ring()
        } catch {
            guard ring(Self.stopSign) else { throw error }
        }
    }

    /// Written to the bell: stop now, whatever the files say. Works like a signal.
    static let stopSign = UInt8(ascii: "s")

    /// Written to the bell: restart the server for this cause.
    static let restartSigns: [OutlierCause: UInt8] = [.failing: UInt8(ascii: "f"), .slow: UInt8(ascii: "l")]

    /// - Returns: false if no keeper receives it.
    @discardableResult
    func requestRestart(_ cause: OutlierCause) -> Bool { Self.restartSigns[cause].map { ring($0) } ?? false }

    var isAskedToStop: Bool { access(stop, F_OK) == 0 }

    /// Wakes the keeper.
    /// - Returns: false if there is none.
    @discardableResult
    func ring(_ sign: UInt8 = UInt8(ascii: "r")) -> Bool {
        let raw = open(bell, O_WRONLY | O_NONBLOCK | O_CLOEXEC)
        guard raw >= 0 else { return false }
        defer { close(raw) }
        return write(raw, [sign], 1) == 1
    }

    func readSpec() throws -> InstanceSpec? { try StateFile.read(InstanceSpec.self, from: spec) }
    func readStatus() throws -> InstanceStatus? { try StateFile.read(InstanceStatus.self, from: status) }
    func readLeaving() throws -> InstanceLeaving? { try StateFile.read(InstanceLeaving.self, from: leaving) }
}
