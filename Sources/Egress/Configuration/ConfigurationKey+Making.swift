internal import Wire

/// Keys by the kind of their value.
extension ConfigurationKey {
  typealias Path<Value> = any WritableKeyPath<Configuration, Value> & Sendable

  static func text(
    _ path: String,
    _ unit: String,
    _ explanation: String,
    _ field: Path<String>
  ) -> ConfigurationKey {
    ConfigurationKey(
      path: path,
      unit: unit,
      explanation: explanation,
      get: { $0[keyPath: field] },
      set: { configuration, text throws(ConfigurationError) in configuration[keyPath: field] = text
      }
    )
  }

  static func flag(
    _ path: String,
    _ explanation: String,
    _ field: Path<Bool>
  ) -> ConfigurationKey {
    ConfigurationKey(
      path: path,
      unit: "true or false",
      explanation: explanation,
      get: { String($0[keyPath: field]) },
      set: { configuration, text throws(ConfigurationError) in
        guard let value = Bool(text) else {
          throw ConfigurationError("'\(text)' is neither true nor false")
        }
        configuration[keyPath: field] = value
      }
    )
  }

  static func integer(
    _ path: String,
    _ unit: String,
    _ explanation: String,
    _ field: Path<Int>,
    _ range: ClosedRange<Int>,
    scale: Int = 1
  ) -> ConfigurationKey {
    ConfigurationKey(
      path: path,
      unit: unit,
      explanation: explanation,
      get: { String($0[keyPath: field] / scale) },
      set: { configuration, text throws(ConfigurationError) in
        guard let value = Int(text), range.contains(value) else {
          throw ConfigurationError(
            "'\(text)' is not a whole number from \(range.lowerBound) to \(range.upperBound)"
          )
        }
        configuration[keyPath: field] = value * scale
      }
    )
  }

  static func megabytes(
    _ path: String,
    _ explanation: String,
    _ field: Path<Int>,
    _ range: ClosedRange<Int>
  ) -> ConfigurationKey {
    integer(path, "MiB", explanation, field, range, scale: 1 << 20)
  }

  static func addresses(
    _ path: String,
    _ explanation: String,
    _ field: Path<[ListenAddress]>
  ) -> ConfigurationKey {
    ConfigurationKey(
      path: path,
      unit: "ADDRESS:PORT or unix:PATH …",
      explanation: explanation,
      get: { $0[keyPath: field].map(\.description).joined(separator: " ") },
      set: { configuration, text throws(ConfigurationError) in
        var addresses: [ListenAddress] = []
        for word in text.split(separator: " ") {
          guard let address = ListenAddress(String(word)) else {
            throw ConfigurationError(
              "'\(word)' is not ADDRESS:PORT, such as 127.0.0.1:8080 or [::1]:8080, nor unix:PATH"
            )
          }
          addresses.append(address)
        }
        configuration[keyPath: field] = addresses
      }
    )
  }

  static func seconds(
    _ path: String,
    _ explanation: String,
    _ field: Path<Interval>,
    _ range: ClosedRange<Double>
  ) -> ConfigurationKey {
    ConfigurationKey(
      path: path,
      unit: "seconds",
      explanation: explanation,
      get: { rendered($0[keyPath: field].seconds) },
      set: { configuration, text throws(ConfigurationError) in
        guard let value = Double(text), range.contains(value) else {
          throw ConfigurationError(
            "'\(text)' is not a number of seconds from \(rendered(range.lowerBound)) "
              + "to \(rendered(range.upperBound))"
          )
        }
        configuration[keyPath: field] = Interval(seconds: value)
      }
    )
  }

  private static func rendered(_ value: Double) -> String {
    value == value.rounded() ? String(Int64(value)) : String(value)
  }
}
