/// What a source said when it was asked for one value.
public enum Measured: Hashable, Codable, Sendable {
    /// - Parameter remark: what it warns of beside.
    case value(Double, remark: String? = nil)
    /// It answered, and has none: an empty result, not a number. With the reason.
    case noData(String)
    /// It could not be asked, or answered what cannot be understood. Counted apart; never a verdict.
    case error(String)
}

/// How a check's command ended.
public struct CheckOutcome: Hashable, Codable, Sendable {
    public enum End: Hashable, Codable, Sendable {
        case exited(Int)
        /// It did not end in time, was ended by a signal, or could not be started. Decides nothing.
        case undecided(String)
    }

    public var end: End
    /// What its last line of output says, by name.
    public var metrics: [String: Double]
    /// The last of what it printed, for people.
    public var outputTail: String
    /// Where all of it is kept, as far as the limit goes.
    public var outputFile: String?

    public init(end: End, metrics: [String: Double] = [:], outputTail: String = "", outputFile: String? = nil) {
        self.end = end
        self.metrics = metrics
        self.outputTail = outputTail
        self.outputFile = outputFile
    }
}

/// What a model takes and gives, as the Open Inference Protocol v2 describes it.
public struct ModelContract: Hashable, Codable, Sendable {
    public struct Tensor: Hashable, Codable, Sendable {
        public var name: String
        /// Such as `FP32` or `BYTES`.
        public var datatype: String
        /// -1 stands for any size.
        public var shape: [Int]

        public init(name: String, datatype: String, shape: [Int]) {
            self.name = name
            self.datatype = datatype
            self.shape = shape
        }
    }

    public var inputs: [Tensor]
    public var outputs: [Tensor]

    public init(inputs: [Tensor], outputs: [Tensor]) {
        self.inputs = inputs
        self.outputs = outputs
    }
}

/// Both sides' contracts, or why one could not be read.
public enum ContractAnswer: Hashable, Codable, Sendable {
    case read(stable: ModelContract, candidate: ModelContract)
    case unreadable(String)
}
