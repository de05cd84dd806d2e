using System.Security.Cryptography;
using System.Text;

namespace BackupTool.Services.Maubot;

/// <summary>A password, a token, or a text that may hold one: nothing shows it but <see cref="Reveal"/>.</summary>
public sealed class SecretText(string value) : IEquatable<SecretText>
{
    private readonly string _value = value ?? throw new ArgumentNullException(nameof(value));

    /// <summary>Whether there is nothing to hide.</summary>
    public bool IsEmpty => _value.Length == 0;

    /// <summary>The text itself, for the one who needs it.</summary>
    public string Reveal() => _value;

    /// <summary>Compares in a time that does not depend on where two texts of the same length differ.</summary>
    public bool Equals(SecretText? other) => other is not null && CryptographicOperations.FixedTimeEquals(Encoding.UTF8.GetBytes(_value), Encoding.UTF8.GetBytes(other._value));

    /// <inheritdoc/>
    public override bool Equals(object? obj) => Equals(obj as SecretText);

    /// <inheritdoc/>
    public override int GetHashCode() => _value.GetHashCode(StringComparison.Ordinal);

    /// <summary>Stars: a secret in a log gives nothing away.</summary>
    public override string ToString() => IsEmpty ? "" : "***";
}
