"""Small graph-building programs. `tools/record_graph.py` records what TensorFlow 1.15 makes of them: nodes, or an error.

Each is run with `tf` and `np` in an empty default graph, a line at a time when it has several.
"""

from __future__ import annotations

X = "x = tf.placeholder(tf.float32, [2, 3], name='x')"
N = "n = tf.placeholder(tf.int32, [4], name='n')"
B = "b = tf.placeholder(tf.bool, [2], name='b')"
INDEX = "i = tf.placeholder(tf.int32, [], name='i')"
U = "u = tf.placeholder(tf.float32, name='u')"
C = "c = tf.placeholder(tf.complex64, [2], name='c')"

NAMES = {
    "unique": "tf.constant(1); tf.constant(1); tf.constant(1, name='Const_1'); tf.constant(1)",
    "taken later": "tf.constant(1, name='a_1'); tf.constant(1, name='a'); tf.constant(1, name='a')",
    "scopes": """
with tf.name_scope('s'): a = tf.constant(1, name='a')
with tf.name_scope('s'): a = tf.constant(1, name='a')
with tf.name_scope('s/'): a = tf.constant(1, name='a')
""",
    "nested": """
with tf.name_scope('s') as s:
    with tf.name_scope('t') as t: a = tf.constant(1, name='a')
    with tf.name_scope(s): b = tf.constant(1, name='a')
    with tf.name_scope(t): b = tf.constant(1, name='a')
    with tf.name_scope(None): c = tf.constant(1, name='a')
    with tf.name_scope(''): d = tf.constant(1, name='a')
""",
    "scope and node": """
tf.constant(1, name='s')
with tf.name_scope('s'): tf.constant(1)
tf.constant(1, name='s')
""",
    "default name": """
x = tf.constant(1)
with tf.name_scope(None, 'layer', [x]) as s: y = tf.constant(s)
with tf.name_scope('mine', 'layer', [x]) as s: y = tf.constant(s)
with tf.name_scope(None, 'layer') as s: y = tf.constant(s)
""",
    "leading underscore": "tf.constant(1, name='_a')",
    "scope with underscore": "with tf.name_scope('_a'): tf.constant(1)",
    "inner underscore": "with tf.name_scope('s'):\n  with tf.name_scope('_a'): tf.constant(1)",
    "inner node underscore": "with tf.name_scope('s'): tf.constant(1, name='_a')",
    "bad character": "tf.constant(1, name='a b')",
    "bad scope": "with tf.name_scope('a b'): pass",
    "scope of a number": "with tf.name_scope(3): pass",
    "slash": "tf.constant(1, name='a/b/c'); tf.constant(1, name='a/b/c')",
    "absolute": "with tf.name_scope('s'): tf.constant(1, name='t/'); tf.constant(1, name='t')",
    "dots and dashes": "tf.constant(1, name='a.b-c'); tf.constant(1, name='.a')",
    "no name": "with tf.name_scope(None, None, [1]): pass",
    "op scope": "with tf.op_scope([], None, 'layer') as s: tf.constant(s)",
    "in a used scope": "tf.constant(1, name='s/a')\nwith tf.name_scope('s'): tf.constant(1, name='a')",
    "unique_name": "g = tf.get_default_graph(); tf.constant([g.unique_name('a'), g.unique_name('a'), "
    "g.unique_name('b', mark_as_used=False), g.unique_name('b')])",
}

OPERATORS = {
    "tensor and number": f"{X}\ny = x + 1; y = x - 1; y = x * 2; y = x / 2; y = x // 2; y = x % 2; y = x ** 2",
    "number and tensor": f"{X}\ny = 1 + x; y = 1 - x; y = 2 * x; y = 2 / x; y = 2 // x; y = 2 % x; y = 2 ** x",
    "compare": f"{X}\ny = x < 1; y = x <= 1; y = x > 1; y = x >= 1; y = 1 < x",
    "unary": f"{X}\ny = -x; y = abs(x)",
    "identity": f"{X}\ny = tf.constant([x == 1, x != 1, x == x])",
    "integers": f"{N}\ny = n / 2; y = n // 2; y = n % 2; y = n ** 2; y = 7 / n",
    "int and float": f"{N}\ny = n + 1.5",
    "float and int tensors": f"{X}\n{N}\ny = x + n",
    "numpy left": f"{X}\ny = np.ones([2, 3], np.float32) * x",
    "numpy float64": f"{X}\ny = x * np.ones([2, 3])",
    "numpy scalar": f"{X}\ny = x * np.float64(2); y = np.float64(2) * x",
    "list": f"{X}\ny = x + [1, 2, 3]; y = [1, 2, 3] - x",
    "broadcast": f"{X}\ny = x + tf.zeros([2, 1]); y = x + tf.zeros([5, 1, 3])",
    "no broadcast": f"{X}\ny = x + tf.zeros([4])",
    "logic": f"{B}\ny = b & True; y = True | b; y = b ^ b; y = ~b; y = [True, False] & b; y = True ^ b",
    "logic of numbers": f"{N}\ny = n & 1",
    "not of numbers": f"{N}\ny = ~n",
    "matmul": f"{X}\ny = x @ tf.ones([3, 4]); y = np.ones([5, 2], np.float32) @ x",
    "batch matmul": "a = tf.ones([7, 2, 3]); y = a @ tf.ones([7, 3, 4]); y = a @ tf.ones([3, 4])",
    "complex": f"{C}\ny = abs(c); y = c * 2; y = -c; y = c / c",
    "string": "y = tf.constant('a') + 'b'; y = 'c' + tf.constant('a')",
    "bool truth": f"{X}\nif x: pass",
    "iterate": f"{X}\nfor r in x: pass",
    "len": f"{X}\nlen(x)",
    "contains": f"{X}\n1 in [x]",
    "none": f"{X}\ny = x + None",
    "uint8": "a = tf.placeholder(tf.uint8, [2], name='a'); y = a / a; y = a + 255",
    "uint8 overflow": "a = tf.placeholder(tf.uint8, [2], name='a'); y = a + 256",
    "variable": "v = tf.Variable([1., 2.], name='v'); y = v + 1; y = 1 - v; y = v * v; y = -v; y = v[0]; y = v < 1",
    "resource variable": "v = tf.Variable([1., 2.], name='v', use_resource=True); y = v + 1; y = v * v; y = v[0]",
    "iadd": f"{X}\nx += 1; x *= 2; y = x",
    "divmod": f"{X}\ny = divmod(x, 2)",
    "scope": f"{X}\nwith tf.name_scope('s'): y = x + 1 - 2",
    "div": f"{X}\ny = tf.div(x, 2); y = tf.divide(x, 2); y = tf.truediv(x, 2)",
    "round": f"{X}\ny = round(x)",
    "unknown": f"{U}\n{X}\ny = u + x; y = u + 1",
}

SLICES = {
    key: f"{X}\n{N}\n{INDEX}\n{U}\ny = {key}"
    for key in """
        x[0] x[-1] x[0,1] x[1:] x[:1] x[:,1] x[...,1] x[...] x[None] x[:,None] x[tf.newaxis,...,None] x[::2] x[::-1,1:2]
        x[:,0:2] x[0,...] x[i] x[i,1] x[i:] x[:i+1] x[i:i+1,0] x[tf.constant(0)] x[np.int64(1)] x[tf.constant(1,tf.int64)]
        x[i:tf.constant(1,tf.int64)] x[5] x[0:5] x[0,0,0] x[0,0,0,...] x[...,...] x[1.0] x['a'] x[True] x[[0]] x[[0,1]]
        x[n] x[n[0]] x[np.array([True,False])] x[b'a'] u[0] u[...,0] u[1:,None] n[1:-1] n[::i] n[3:0:-1] n[:0] n[4:] n[-9:]
        x[0][1] x[x.shape[0]-1] x[tf.shape(x)[0]-1] x[None,None] x[()] x[slice(None,None,None)] x[:,tf.constant([0,1])]
        x[1:1] x[np.array(1)] x[0:2:0] x[tf.Dimension(1)]
    """.split()
}

BLOCKS = {
    "control": """
a = tf.constant(1, name='a'); b = tf.constant(2, name='b')
with tf.control_dependencies([a, b]):
    c = tf.constant(1, name='c'); d = tf.identity(c, name='d'); e = tf.add(a, c, name='e')
    f = tf.identity(a, name='f')
    with tf.control_dependencies([c]):
        tf.identity(d, name='g'); tf.identity(a, name='h'); tf.constant(3, name='i')
    with tf.control_dependencies(None):
        tf.constant(3, name='j')
        with tf.control_dependencies([d.op]): tf.constant(3, name='k')
    tf.no_op(name='l')
""",
    "control order": """
a, b, c = [tf.constant(1, name=n) for n in 'abc']
with tf.control_dependencies([c, a]):
    with tf.control_dependencies([b, a]): tf.no_op(name='n')
with tf.control_dependencies([c, c, a]): tf.no_op(name='m')
with tf.control_dependencies([]): tf.no_op(name='o')
""",
    "control names": "a = tf.constant(1, name='a')\nwith tf.control_dependencies(['a', 'a:0']): tf.no_op()",
    "control of a variable": "v = tf.Variable(1., name='v')\nwith tf.control_dependencies([v]): tf.no_op()",
    "control of a number": "with tf.control_dependencies([1]): tf.no_op()",
    "control of nothing": "with tf.control_dependencies([None]): tf.no_op()",
    "control of one": "a = tf.constant(1)\nwith tf.control_dependencies(a): tf.no_op()",
    "control of another graph": """
with tf.Graph().as_default(): a = tf.constant(1)
with tf.control_dependencies([a]): tf.no_op()
""",
    "control of slices": """
s = tf.IndexedSlices(tf.constant([1.]), tf.constant([0]))
with tf.control_dependencies([s]): tf.no_op()
""",
    "group": "a = tf.constant(1); b = tf.constant(2); tf.group(a, b); tf.group(); tf.tuple([a, b])",
    "device": """
with tf.device('/cpu:0'): a = tf.constant(1)
with tf.device('/job:ps'):
    b = tf.constant(1)
    with tf.device('/gpu:1'): c = tf.constant(1)
    with tf.device(None): d = tf.constant(1)
    with tf.device('/job:worker/task:3/device:CPU:0'): e = tf.constant(1)
with tf.device('/device:GPU:*'): f = tf.constant(1)
with tf.device(lambda op: '/cpu:1' if op.type == 'Const' else '/gpu:0'): g = tf.identity(tf.constant(1))
""",
    "device of nothing": "with tf.device(''): tf.no_op()",
    "bad device": "with tf.device('/nonsense'): tf.no_op()",
    "device function in a device": """
with tf.device('/job:a'):
    with tf.device(lambda op: op.device + '/task:1'): tf.no_op()
with tf.device(lambda op: '/job:b'):
    with tf.device('/gpu:0'): tf.no_op()
""",
    "colocate": """
with tf.device('/gpu:0'): a = tf.constant(1, name='a')
b = tf.constant(1, name='b')
with tf.colocate_with(a): c = tf.constant(1, name='c')
with tf.colocate_with(c):
    d = tf.constant(1, name='d')
    with tf.colocate_with(b): e = tf.constant(1, name='e')
    with tf.colocate_with(b, ignore_existing=True): f = tf.constant(1, name='f')
    with tf.colocate_with(None, ignore_existing=True): g = tf.constant(1, name='g')
    with tf.device('/cpu:1'): h = tf.constant(1, name='h')
""",
    "colocate with nothing": "with tf.colocate_with(None): tf.no_op()",
    "variable in a device": "with tf.device('/cpu:0'): v = tf.Variable(1., name='v'); a = v.assign(2.)",
    "override": """
x = tf.placeholder(tf.float32, [], name='x')
with tf.get_default_graph().gradient_override_map({'Square': 'Mine', 'Neg': 'Other'}): y = tf.square(x); z = -x
z = tf.square(x)
""",
    "override of a list": "with tf.get_default_graph().gradient_override_map([]): tf.no_op()",
    "override with a number": "with tf.get_default_graph().gradient_override_map({'Square': 3}): tf.no_op()",
    "finalized": "g = tf.get_default_graph(); tf.constant(1); g.finalize(); tf.constant(2)",
    "finalized collection": "g = tf.get_default_graph(); g.finalize(); g.add_to_collection('a', 1)",
    "container": "with tf.container('box'): v = tf.Variable(1., name='v')",
    "init scope": """
a = tf.constant(1, name='a')
with tf.control_dependencies([a]), tf.name_scope('s'):
    with tf.init_scope(): tf.no_op(name='n')
    tf.no_op(name='n')
""",
    "two graphs": """
with tf.Graph().as_default(): a = tf.constant(1)
b = tf.constant(1) + a
""",
    "set_shape": f"{U}\nu.set_shape([None, 3]); u.set_shape([2, None]); y = u",
    "set_shape bad": f"{X}\nx.set_shape([3, 3])",
    "set_shape rank": f"{X}\nx.set_shape([2])",
}

SHAPES = {
    key: f"{X}\n{N}\n{U}\ny = {key}"
    for key in """
        tf.matmul(x,tf.ones([4,2])) tf.matmul(x,n) tf.concat([x,x],0) tf.concat([x,tf.ones([2,4])],1) tf.concat([x,x],2)
        tf.concat([x,tf.ones([3,3])],1) tf.reshape(x,[3,2]) tf.reshape(x,[-1]) tf.reshape(x,[4]) tf.reshape(x,[-1,4])
        tf.reshape(u,[2,-1]) tf.reshape(x,tf.stack([n[0],3])) tf.reshape(x,tf.shape(x)) tf.reshape(x,[tf.shape(x)[0],-1])
        tf.reduce_sum(x,2) tf.reduce_sum(x,[0,1]) tf.reduce_sum(u,0) tf.reduce_mean(x,-1,keepdims=True) tf.transpose(x)
        tf.zeros(tf.shape(x)) tf.zeros(tf.shape(u)) tf.fill(n[:2],1.) tf.expand_dims(x,3) tf.expand_dims(x,-1)
        tf.squeeze(x,[0]) tf.stack([x,x],2) tf.stack([x,n]) tf.unstack(x)[0] tf.split(x,3,1)[0] tf.split(x,2,1)
        tf.tile(x,[2,2]) tf.pad(x,[[1,1],[0,2]]) tf.gather(x,n) tf.gather(x,0) tf.cast(x,tf.int32) tf.argmax(x,1)
        tf.placeholder_with_default(x,[None,3]) tf.placeholder_with_default(x,[4,3]) tf.where(x) tf.range(5) tf.range(n[0])
        tf.one_hot(n,5) tf.ones([2,None]) tf.ones([2,-1]) tf.slice(x,[0,1],[2,-1]) tf.slice(x,[0,1],[2,3]) tf.identity(u)
    """.split()
}
