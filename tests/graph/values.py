"""Values to make tensors of. `tools/record_graph.py` records which TensorFlow 1.15 takes, and as what."""

from __future__ import annotations

_VALUES = """
1 -1 1.5 True 'a' b'a' 'hé' 1j None 2**31 2**31-1 -2**31 2**63-1 2**63 1e40 float('inf') float('nan')
[] [[]] [[],[]] [1,2] [1.5,2] [1,2.5] [1,True] [True,1] [True,False] ['a','b'] ['a',1] [1,'a'] [[1,2],[3,4]] [[1],[2,3]] [1,None] [1,1j]
(1,2) [(1,2),(3,4)] range(3) {1} {'a':1} object() lambda:1 [b'a','b'] [[1,2],3] [2**31,1] [1,2**40]
np.int8(1) np.int64(1) np.float16(1) np.float64(1) np.float32(1) np.bool_(True) np.uint8(3) np.uint32(3) np.uint64(3) np.complex64(1)
np.array([1,2]) np.array([1.5]) np.array([True]) np.array(['a','bb']) np.array([b'a']) np.array(['a',b'b'],object)
np.array([1,'a'],object) np.zeros([2,0]) np.array(1) np.array([1],np.float16) np.array([1],np.uint16)
[np.float64(1),2] [np.float32(1),2] [np.int64(1),2] [np.int8(1)] [np.array([1,2]),np.array([3,4])] [np.array([1,2]),[3,4]]
[np.array([1.5],np.float32)] [np.array([1]),np.array([1,2])] np.arange(3)[::2] np.array('a') np.datetime64('2020-01-01')
tf.TensorShape([2,3]) tf.TensorShape([2,None]) tf.TensorShape(None) tf.Dimension(3) tf.Dimension(None)
[tf.Dimension(2),3] [3,tf.Dimension(2)] [tf.Dimension(None)] tf.float32 tf.constant(1) [tf.constant(1),2]
[[tf.constant(1),2],[3,4]] [tf.constant(1.),2] [tf.constant(1),2.5] [2.5,tf.constant(1)] [tf.constant(1),tf.constant(1.)]
tf.Variable(1.) [tf.Variable(1.),2] [tf.constant([1,2]),[3,4]] (tf.constant(1),) [tf.constant([1,2]),3]
""".split()

_TYPED = [
    f"{value}, tf.{dtype}"
    for dtype in ("int32", "float32", "bool", "string", "uint8", "int64", "complex64", "float16", "float64")
    for value in """
        1 1.5 True 'a' None -1 300 1j 2**40 [1,2.5] [True] [] np.float64(1.5) np.int64(3) np.array([1,2]) np.array([1.5])
        np.array([True]) np.array(['a']) np.bool_(True) tf.constant(1) tf.constant(1.) [tf.constant(1),2] ['a'] b'a'
        tf.TensorShape([2]) tf.Dimension(2) [1,'a']
    """.split()
]

_SHAPED = """
1,shape=[2,2] [1,2],shape=[3] [1,2,3],shape=[2] [1,2,3,4],shape=[2,2] 1,shape=[] [1],shape=[] [],shape=[0] 1.5,shape=[0] 1,shape=3
[[1,2]],shape=[2,2] 1,shape=[None] 'a',shape=[2] [1,2],shape=[3],verify_shape=True [1,2],shape=[2],verify_shape=True
1,dtype=tf.float32,shape=[2] 1,name='s/c' [],dtype=tf.float32 [],dtype=tf.string [[]],dtype=tf.int64 1,dtype='float32' 1,dtype=np.float64
1,dtype=int 1,dtype=float 1,dtype='nonsense' [1,2],shape=(2,) 1,shape=tf.TensorShape([2]) 0,dtype=tf.bool 'a',dtype=tf.string
3,dtype=tf.qint8 1,dtype=tf.bfloat16 1,dtype=tf.resource -1,dtype=tf.uint16 1e400,dtype=tf.float64 70000.,dtype=tf.float16
""".split()

CALLS = [
    *[f"tf.convert_to_tensor({v})" for v in _VALUES],
    *[f"tf.convert_to_tensor({v})" for v in _TYPED],
    *[f"tf.constant({v})" for v in (*_VALUES, *_SHAPED)],
    *[
        f"tf.convert_to_tensor({v}, preferred_dtype=tf.{d})"
        for v in ("1", "1.5", "'a'", "True", "[1, 2]", "np.int64(1)", "tf.constant(1)")
        for d in ("float32", "int64", "string")
    ],
]
