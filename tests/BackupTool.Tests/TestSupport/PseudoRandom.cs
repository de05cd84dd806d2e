using System.Buffers.Binary;

namespace BackupTool.Tests.TestSupport;

/// <summary>SplitMix64: bytes that are the same on every machine and in every version of the runtime, as golden tests need them.</summary>
internal static class PseudoRandom
{
    internal static byte[] Bytes(int count, ulong seed)
    {
        byte[] bytes = new byte[count + 8];
        for (int at = 0; at < count; at += 8)
        {
            ulong z = seed += 0x9e3779b97f4a7c15;
            z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
            z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
            BinaryPrimitives.WriteUInt64LittleEndian(bytes.AsSpan(at), z ^ (z >> 31));
        }
        return bytes[..count];
    }
}
